// SPDX-License-Identifier: Apache-2.0

/// What can go wrong with a disk, as the server's answer differs.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No space: nothing was written, and the same call may succeed once there is space.
    case full(String)
    /// A write or sync failed, or the store is in use wrongly: it refuses everything from here on.
    case broken(String)
    /// Bytes are not those that were written; says which record.
    case corrupt(String)
    /// What the caller said does not fit what is stored; nothing was changed.
    case mismatch(String)
    /// Written by a newer version: which one, and which is known here.
    case unknownFormat(found: UInt32, known: UInt32)
    /// Another process has the store open.
    case locked(String)

    public var description: String {
        switch self {
        case .full(let detail): "no space left: \(detail)"
        case .broken(let detail): "storage failed: \(detail)"
        case .corrupt(let detail): "stored data is damaged: \(detail)"
        case .mismatch(let detail): "storage was misused: \(detail)"
        case .unknownFormat(let found, let known):
            "the data has format \(found), this version knows up to \(known): use a newer version"
        case .locked(let detail): "the data folder is in use: \(detail)"
        }
    }
}
