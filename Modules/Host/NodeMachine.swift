// SPDX-License-Identifier: Apache-2.0
import MartletAPI
package import MartletTransport

/// What `martlet node run` has of its machine, besides plugins.
package struct NodeMachine: Sendable {
    package var tasks: any TaskMachine
    /// The program that supervises a task, and the words before its arguments; nil if it is not known.
    package var supervisor: [String]?
    /// What tasks find in their environment of this process's.
    package var inherited: [String: String]
    package var workingDirectory: String?
    /// Of the file system that a folder is on.
    package var diskFreeBytes: @Sendable (String) -> UInt64?

    package init(
        tasks: any TaskMachine, supervisor: [String]?, inherited: [String: String],
        workingDirectory: String?, diskFreeBytes: @escaping @Sendable (String) -> UInt64?
    ) {
        self.tasks = tasks
        self.supervisor = supervisor
        self.inherited = inherited
        self.workingDirectory = workingDirectory
        self.diskFreeBytes = diskFreeBytes
    }
}

/// What a Linux machine has, as far as its kernel's tables say.
struct MachineFacts: Equatable {
    private static let limitBytes = 1 << 20

    var memoryMB: Int?
    var cores: Int?
    /// MHz of all cores together.
    var cpu: Int?

    init(_ files: any Files) {
        let memory = Self.lines(of: "/proc/meminfo", files)
        memoryMB = Self.values(of: "MemTotal", in: memory).first
            .flatMap { Int($0.prefix { $0.isNumber }) }.map { $0 / 1024 }
        let processors = Self.lines(of: "/proc/cpuinfo", files)
        let count = Self.values(of: "processor", in: processors).count
        let speeds = Self.values(of: "cpu MHz", in: processors).compactMap { Double($0) }
        guard count > 0 else { return }
        cores = count
        // Processors that do not tell are taken for slow ones.
        let sum = speeds.reduce(0, +)
        cpu = sum >= 1 && sum < 1e9 ? Int(sum) : count * 1000
    }

    private static func lines(of path: String, _ files: any Files) -> [Substring] {
        do throws(FileError) {
            let bytes = try files.read(path, limitBytes: limitBytes)
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        } catch {
            return []  // Not Linux, or not ours to see: what it has is then to be told by flags.
        }
    }

    /// What stands behind the colon, without blanks around it.
    private static func values(of name: String, in lines: [Substring]) -> [Substring] {
        lines.compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            guard parts[0].prefix(name.count) == name,
                parts[0].dropFirst(name.count).allSatisfy(\.isWhitespace)
            else { return nil }
            return parts[1].drop { $0.isWhitespace }
        }
    }
}
