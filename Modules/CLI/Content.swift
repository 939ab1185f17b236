// SPDX-License-Identifier: Apache-2.0
import MartletTransport

// Files and standard input, as commands read them.

extension Invocation {
    /// What a file holds, or standard input for `-`.
    func content(of path: String, limitBytes: Int) throws(CLIFailure) -> [UInt8] {
        guard path != "-" else {
            guard let bytes = environment.readInput(limitBytes) else {
                throw CLIFailure(
                    "standard input cannot be read, or has over \(limitBytes) bytes", .unable)
            }
            return bytes
        }
        do throws(FileError) {
            return try environment.files.read(path, limitBytes: limitBytes)
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
    }

    /// - Throws: exit code 1 when there is something of that name.
    func checkAbsence(of path: String) throws(CLIFailure) {
        guard environment.files.exists(path) else { return }
        throw CLIFailure(
            "Destination file already exists: \"\(Text.line(path))\": "
                + "give another name, or remove it", .unable)
    }

    /// All of it or nothing: durable, and only then under its name.
    func save(_ bytes: [UInt8], as path: String, failing: String) throws(CLIFailure) {
        try checkAbsence(of: path)
        do throws(FileError) {
            try environment.files.replace(path, with: bytes)
        } catch {
            throw CLIFailure("\(failing): \(error)", .unable)
        }
    }
}
