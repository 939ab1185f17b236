// SPDX-License-Identifier: Apache-2.0
import MartletServer
import MartletTransport

/// `martlet audit verify`: follows the chain of an audit log over its files.
package struct AuditCommand: Equatable, Sendable {
    var wantsHelp = false
    var name = "audit.log"
    var paths: [String] = []

    package static let help = """
        Usage: martlet audit verify [-name NAME] FOLDER | FILE...

          Follows the chain of an audit log, and names each line that was changed, removed,
          put in or moved, and files that are missing between others. Of a folder, all files
          of the log are read, the oldest first; files are read in the order in which they
          are given.

          -name NAME   the file in FOLDER that is written at present; audit.log if not given

          What is missing before the first or after the last line cannot be seen: compare
          the last chain, which is printed, with one that was noted elsewhere.

        Exit status: 0 intact, 1 damaged, 2 a file cannot be read or a wrong command line.

        """

    /// Reads the arguments that follow `audit verify`.
    package static func parse(
        _ arguments: [String]
    ) throws(ConfigurationFailure) -> AuditCommand {
        var command = AuditCommand()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
                command.paths.append(argument)
                continue
            }
            let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            switch String(parts[0]) {
            case "h", "help": command.wantsHelp = true
            case "name":
                let value = parts.dropFirst().first.map(String.init) ?? rest.popFirst()
                guard let value, !value.isEmpty, !value.contains("/") else {
                    throw wrong("-name wants the name of a file in the folder")
                }
                command.name = value
            case let other:
                throw wrong("unknown flag -\(clipped(other))")
            }
        }
        guard command.wantsHelp || !command.paths.isEmpty else {
            throw wrong("name the folder of the audit log, or its files in their order")
        }
        return command
    }

    private static func wrong(_ text: String) -> ConfigurationFailure {
        ConfigurationFailure(text: text, exitCode: 2)
    }

    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        do throws(ConfigurationFailure) {
            let command = try parse(arguments)
            guard !command.wantsHelp else {
                plugins.writeOutput(help)
                return 0
            }
            let verifier = try command.verify(plugins.files, plugins.crypto)
            plugins.writeOutput(text(of: verifier))
            return verifier.isIntact ? 0 : 1
        } catch {
            plugins.writeError("\(error.text)\n")
            return error.exitCode
        }
    }

    func verify(
        _ files: any Files, _ crypto: any Crypto
    ) throws(ConfigurationFailure) -> AuditVerifier {
        var verifier = AuditVerifier(crypto: crypto)
        for path in try listed(files) {
            do throws(FileError) {
                let bytes = try files.read(path, limitBytes: 2 * AuditOptions.rotateBytesMax)
                try Self.check(bytes, path, &verifier)
            } catch {
                throw Self.wrong("\(error)")
            }
        }
        return verifier
    }

    private static func check(
        _ bytes: [UInt8], _ path: String, _ verifier: inout AuditVerifier
    ) throws(FileError) {
        do throws(CryptoError) {
            try verifier.check(bytes, of: path)
        } catch {
            throw .failed(path: path, reason: "no digest: \(error)")
        }
    }

    /// The files, the oldest first.
    private func listed(_ files: any Files) throws(ConfigurationFailure) -> [String] {
        var found: [String] = []
        for path in paths {
            guard files.isDirectory(path) else {
                found.append(path)
                continue
            }
            let names = AuditNames(path: path.hasSuffix("/") ? path + name : "\(path)/\(name)")
            do throws(FileError) {
                let all = try files.list(path)
                found += names.rotated(among: all).map(names.path(of:))
                if all.contains(name) { found.append(names.path(of: name)) }
            } catch {
                throw Self.wrong("\(error)")
            }
        }
        guard !found.isEmpty else { throw Self.wrong("no file of an audit log is there") }
        return found
    }

    private static func text(of verifier: AuditVerifier) -> String {
        var text = verifier.findings.map { "\($0)\n" }.joined()
        guard let first = verifier.first, let last = verifier.last else {
            return text + "No line of an audit log.\n"
        }
        let damaged = verifier.findings.count(where: \.isDamage)
        text += verifier.isIntact ? "Intact: " : "Damaged in \(damaged) places: "
        text += "\(verifier.linesChecked) lines, \(first) to \(last.sequence).\n"
        return text + "Last chain: \(last.chain)\n"
    }
}
