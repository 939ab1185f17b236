// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletHCL
import MartletServer
import MartletTransport

/// `martlet operator raft recover`: looks at the data folders of the servers that are left of a lost
/// quorum, and writes what makes them a cluster again. Offline: the servers are stopped.
package struct RecoverCommand: Equatable, Sendable {
    var isDryRun = false
    var wantsHelp = false
    var directories: [String] = []
    var wish = RecoveryPlan.Wish()

    package static let help = """
        Usage: martlet operator raft recover [-dry-run] -data-dir DIR [-data-dir DIR ...]

          After a majority of the servers is lost for good, makes a cluster of those that
          are left. Stop them all first. Give the data_dir of each; those that are on other
          hosts are given by -peer, and get the file that is written here.

          -data-dir DIR     the data_dir of a server that is left; several times
          -dry-run          show what would be done, and write nothing
          -voter ID         who votes from now on; several times; all if it is not given
          -peer ID=IP:PORT  a server that is left and whose folder is elsewhere, or the
                            new rpc address of one whose folder is given; several times

        Exit status: 0 done, 1 a folder cannot be read or written, 2 refused or a wrong
        command line.

        """

    /// Reads the arguments that follow `operator raft recover`.
    package static func parse(
        _ arguments: [String]
    ) throws(ConfigurationFailure) -> RecoverCommand {
        var command = RecoverCommand()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
                throw wrong("unexpected argument \(quoted(argument))")
            }
            let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let inline = parts.dropFirst().first.map(String.init)
            func value() throws(ConfigurationFailure) -> String {
                guard let value = inline ?? rest.popFirst(), !value.isEmpty else {
                    throw wrong("\(argument) wants a value")
                }
                return value
            }
            switch String(parts[0]) {
            case "data-dir": command.directories.append(trimmed(try value()))
            case "voter": command.wish.voters.append(try value())
            case "peer": command.wish.peers.append(try value())
            case "dry-run": command.isDryRun = try isOn(inline, "dry-run")
            case "h", "help": command.wantsHelp = try isOn(inline, "help")
            case let other:
                let known = ["data-dir", "voter", "peer", "dry-run", "help"]
                throw wrong(
                    "unknown flag -\(clipped(other))"
                        + (nearestName(to: other, among: known).map { ": did you mean -\($0)?" }
                            ?? ""))
            }
        }
        guard command.wantsHelp || !command.directories.isEmpty else {
            throw wrong("-data-dir is missing: the data_dir of a server that is left")
        }
        return command
    }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private static func isOn(
        _ text: String?, _ name: String
    ) throws(ConfigurationFailure) -> Bool {
        switch text {
        case nil, "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        case let other?: throw wrong("-\(name): \(quoted(other)) is neither true nor false")
        }
    }

    private static func wrong(_ text: String) -> ConfigurationFailure {
        ConfigurationFailure(text: text, exitCode: 2)
    }

    /// Exit code 0 when it is done, 1 when a folder cannot be read or written, 2 when it is refused.
    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        do throws(ConfigurationFailure) {
            let command = try parse(arguments)
            plugins.writeOutput(command.wantsHelp ? help : try command.carryOut(plugins))
            return 0
        } catch {
            plugins.writeError("\(error.text)\n")
            return error.exitCode
        }
    }

    private func carryOut(_ plugins: HostPlugins) throws(ConfigurationFailure) -> String {
        var locks: [any FileLock] = []
        defer { for lock in locks { lock.release() } }
        var surveys: [FolderSurvey] = []
        for directory in directories {
            locks.append(try lock(directory, plugins))
            surveys.append(
                try folder(directory, plugins) { (folder) throws(DataFolderError) in
                    try folder.survey()
                })
        }
        let plan: RecoveryPlan
        do throws(RecoveryPlan.Refusal) {
            plan = try RecoveryPlan.make(from: surveys, wish)
        } catch {
            throw ConfigurationFailure(
                text: "\(FolderSurvey.table(surveys, marking: nil))\nRefused: \(error.text)",
                exitCode: 2)
        }
        guard !isDryRun else { return plan.text(isDryRun: true) }
        for directory in directories {
            try folder(directory, plugins) { (folder) throws(DataFolderError) in
                try folder.writePeersFile(of: plan)
            }
        }
        return plan.text(isDryRun: false)
    }

    private func lock(
        _ directory: String, _ plugins: HostPlugins
    ) throws(ConfigurationFailure) -> any FileLock {
        guard plugins.files.isDirectory(directory) else {
            throw ConfigurationFailure(text: "\(directory): no such folder", exitCode: 1)
        }
        do throws(FileError) {
            return try plugins.files.lock(directory)
        } catch {
            throw ConfigurationFailure(
                text: "\(error): stop that server first, or leave the folder out", exitCode: 1)
        }
    }

    private func folder<Value>(
        _ directory: String, _ plugins: HostPlugins,
        _ body: (DataFolder) throws(DataFolderError) -> Value
    ) throws(ConfigurationFailure) -> Value {
        do throws(DataFolderError) {
            return try body(plugins.dataFolder(directory, .lmdb, .silent))
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
    }
}
