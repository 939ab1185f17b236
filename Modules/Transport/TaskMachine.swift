// SPDX-License-Identifier: Apache-2.0

/// What a node needs of its machine for processes that outlive whoever started them. Any thread.
public protocol TaskMachine: Sendable {
    /// What tells a process from any other that has had its id, or will: when it began, and since which
    /// start of the machine. nil when there is none, or only what is left of one that has ended.
    func birth(of processID: Int32) -> String?

    /// To every process of a group; to nobody if there is no such group.
    func send(signal: Int32, toGroup group: Int32)

    /// Removes a folder and all that is in it; where links lead is left alone. Blocks.
    func removeTree(_ path: String) throws(FileError)
}
