// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// The data folder of `martlet dev`: one folder, one configuration and one log a server.
final class DevFolder {
    let path: String
    /// Made for this run, and removed at its end.
    let isTemporary: Bool
    private let files: any Files
    private var lock: (any FileLock)?

    /// Opens it for this process alone.
    ///
    /// - Parameters:
    ///   - given: nil makes a temporary one.
    /// - Throws: exit code 1, and nothing in it was changed.
    init(
        _ given: String?, servers: Int, _ environment: CLIEnvironment, temporaryIn parent: String
    ) throws(CLIFailure) {
        files = environment.files
        isTemporary = given == nil
        do {
            path = try given ?? Self.temporary(in: parent, environment)
            try files.makeDirectory(path)
            let names = try files.list(path)
            if let problem = Self.problem(of: names, servers: servers) {
                throw CLIFailure("\(path): \(problem)", .unable)
            }
            lock = try files.lock(path)
        } catch let failure as CLIFailure {
            throw failure
        } catch FileError.locked(let path, let holder) {
            let who = holder.map { "process \($0)" } ?? "another process"
            throw CLIFailure(
                "\(path): in use by \(who): end that, or give another folder with -data-dir",
                .unable)
        } catch {
            throw CLIFailure("the data folder cannot be used: \(error)", .unable)
        }
    }

    private static func temporary(
        in parent: String, _ environment: CLIEnvironment
    ) throws(CryptoError) -> String {
        let name = try environment.crypto.secureRandomBytes(4)
            .map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
        return "\(parent)/martlet-dev-\(name)"
    }

    /// What speaks against a folder with these names in it.
    static func problem(of names: [String], servers: Int) -> String? {
        var highest = 0
        for name in names where name != "LOCK" {
            guard let number = number(of: name) else {
                return "it has other files, such as \(Text.clipped(name)): give an empty folder "
                    + "with -data-dir, or one of martlet dev"
            }
            highest = max(highest, number)
        }
        guard highest > servers else { return nil }
        return "it has the data of \(highest) servers: -servers \(highest) starts them"
    }

    /// 2 of `s2`, `s2.json` and `s2.log`.
    private static func number(of name: String) -> Int? {
        let suffix = [".json", ".log"].first { name.hasSuffix($0) } ?? ""
        let stem = name.dropLast(suffix.utf8.count)
        guard stem.first == "s", let number = Int(stem.dropFirst()),
            (1...DevPlan.serversMax).contains(number)
        else { return nil }
        return number
    }

    func write(_ plans: [DevServerPlan]) throws(CLIFailure) {
        do throws(FileError) {
            for plan in plans {
                try files.replace(plan.configurationPath, with: plan.configuration(among: plans))
            }
        } catch {
            throw CLIFailure("the data folder cannot be used: \(error)", .unable)
        }
    }

    /// The last lines of a server's log, fit for a terminal. Blocks.
    static func logEnd(_ plan: DevServerPlan, lines: Int, _ files: any Files) -> [String] {
        do throws(FileError) {
            let end = try files.readEnd(plan.logPath, limitBytes: 64 << 10)
            let text = String(decoding: end.bytes, as: UTF8.self)
            return text.split(separator: "\n").suffix(lines).map { Text.line($0) }
        } catch {
            return ["the log cannot be read: \(error)"]
        }
    }

    /// Lets go of it, and removes it if it was temporary. Blocks.
    ///
    /// - Returns: what became of it.
    func close() -> String {
        guard isTemporary else {
            lock?.release()
            return "the data is in \(path)"
        }
        do throws(FileError) {
            try remove(path, depthMax: 6)
            lock?.release()
            return "removed \(path) (-data-dir keeps one)"
        } catch {
            lock?.release()
            return "the data is in \(path): it could not be removed: \(error)"
        }
    }

    /// What is no folder goes by itself: a link is removed, never followed.
    private func remove(_ path: String, depthMax: Int) throws(FileError) {
        do throws(FileError) {
            return try files.remove(path)
        } catch {
            guard files.isDirectory(path), depthMax > 0 else { throw error }
        }
        for name in try files.list(path) { try remove("\(path)/\(name)", depthMax: depthMax - 1) }
        try files.remove(path)
    }
}
