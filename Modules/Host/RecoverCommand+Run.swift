// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletServer
import MartletTransport

/// Who sits before the command, and what else it has of the world.
package struct RecoverDesk: Sendable {
    /// Shows a question and waits for a line; nil where nobody can be asked.
    package var ask: (@Sendable (_ question: String) -> String?)?
    /// This process: who holds the locks that are taken here.
    package var processID: Int32
    /// Makes the owner of a folder that of a file as well, so that the server can read and remove it.
    package var adopt: @Sendable (_ file: String, _ folder: String) -> Bool
    /// JSON by a template; throws what is wrong with the template.
    package var render:
        @Sendable (_ json: String, _ template: String) throws(ConfigurationFailure) -> String

    package init(
        ask: (@Sendable (String) -> String?)?, processID: Int32,
        adopt: @escaping @Sendable (String, String) -> Bool,
        render: @escaping @Sendable (String, String) throws(ConfigurationFailure) -> String
    ) {
        self.ask = ask
        self.processID = processID
        self.adopt = adopt
        self.render = render
    }
}

extension RecoverCommand {
    /// Exit code 0 when it is done, 1 when a folder cannot be read or written, 2 when it is refused.
    package static func run(
        arguments: [String], plugins: HostPlugins, desk: RecoverDesk
    ) -> Int32 {
        do throws(ConfigurationFailure) {
            let command = try parse(arguments)
            plugins.writeOutput(
                command.wantsHelp ? help : try command.carryOut(plugins, desk))
            return 0
        } catch {
            plugins.writeError("\(error.text)\n")
            return error.exitCode
        }
    }

    /// - Returns: what is printed last.
    private func carryOut(
        _ plugins: HostPlugins, _ desk: RecoverDesk
    ) throws(ConfigurationFailure) -> String {
        var locks: [any FileLock] = []
        defer { for lock in locks { lock.release() } }
        var surveys: [FolderSurvey] = []
        for directory in directories {
            surveys.append(try look(into: directory, plugins, desk, &locks))
        }
        if printsSurvey { return surveys.map(\.text).joined() }
        for file in surveyFiles { surveys.append(try survey(file, plugins)) }
        let plan: RecoveryPlan
        do throws(RecoveryPlan.Refusal) {
            plan = try RecoveryPlan.make(from: surveys, wish)
        } catch {
            throw ConfigurationFailure(
                text: "\(FolderSurvey.table(surveys, marking: nil))\nRefused: \(error.text)",
                exitCode: 2)
        }
        // A template that is wrong is told before anything is written.
        let shown = try answer(plan, .dryRun, desk)
        if isDryRun { return shown }
        try confirm(plan, plugins, desk)
        try write(plan, plugins, desk)
        return try answer(plan, .after, desk)
    }

    /// - Parameter locks: the folder's own is added, for as long as the command runs.
    private func look(
        into directory: String, _ plugins: HostPlugins, _ desk: RecoverDesk,
        _ locks: inout [any FileLock]
    ) throws(ConfigurationFailure) -> FolderSurvey {
        let lockPath = "\(directory)/LOCK"
        let hadLock = plugins.files.exists(lockPath)
        locks.append(try lock(directory, plugins, desk))
        do throws(ConfigurationFailure) {
            return try folder(directory, plugins) { (folder) throws(DataFolderError) in
                try folder.survey()
            }
        } catch {
            guard !hadLock else { throw error }
            // What turns out to be no server's folder is left as it was found.
            do throws(FileError) {
                try plugins.files.remove(lockPath)
            } catch let left {
                throw ConfigurationFailure(
                    text: "\(error.text); and \(left)", exitCode: error.exitCode)
            }
            throw error
        }
    }

    private func answer(
        _ plan: RecoveryPlan, _ moment: RecoveryPlan.Moment, _ desk: RecoverDesk
    ) throws(ConfigurationFailure) -> String {
        guard isForPrograms else { return plan.text(moment) }
        let json = RecoveryReport(plan, isWritten: moment == .after).text
        return try template.map { (template) throws(ConfigurationFailure) in
            try desk.render(json, template)
        } ?? json
    }

    private func confirm(
        _ plan: RecoveryPlan, _ plugins: HostPlugins, _ desk: RecoverDesk
    ) throws(ConfigurationFailure) {
        if !isForPrograms { plugins.writeOutput(plan.text(.before) + "\n") }
        guard !isSure else { return }
        guard let ask = desk.ask, !isForPrograms else {
            throw ConfigurationFailure(
                text: "nothing was written: -yes writes without asking, -dry-run only shows",
                exitCode: 2)
        }
        let answer = ask(
            "Are all of these servers stopped, and the others lost for good? Type yes: ")
        guard answer?.lowercased() == "yes" else {
            throw ConfigurationFailure(text: "nothing was written", exitCode: 2)
        }
    }

    /// All files or none.
    private func write(
        _ plan: RecoveryPlan, _ plugins: HostPlugins, _ desk: RecoverDesk
    ) throws(ConfigurationFailure) {
        var written: [String] = []
        do throws(ConfigurationFailure) {
            for directory in directories {
                let path = RecoveryPlan.peersPath(in: directory)
                try folder(directory, plugins) { (folder) throws(DataFolderError) in
                    try folder.writePeersFile(of: plan)
                }
                written.append(path)
                guard desk.adopt(path, directory) else {
                    throw ConfigurationFailure(
                        text: "\(path): cannot be given to the owner of \(directory): run this as "
                            + "that user, or as root", exitCode: 1)
                }
            }
        } catch {
            throw ConfigurationFailure(
                text: error.text + takenBack(written, plugins), exitCode: error.exitCode)
        }
    }

    private func takenBack(_ written: [String], _ plugins: HostPlugins) -> String {
        var left: [String] = []
        for path in written {
            do throws(FileError) {
                try plugins.files.remove(path)
            } catch {
                left.append(path)
            }
        }
        return left.isEmpty
            ? ": nothing was written"
            : ": before a server is started, remove \(left.joined(separator: ", "))"
    }

    private func survey(
        _ file: String, _ plugins: HostPlugins
    ) throws(ConfigurationFailure) -> FolderSurvey {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try plugins.files.read(file, limitBytes: FolderSurvey.fileBytesMax)
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
        do throws(FolderSurvey.Problem) {
            return try FolderSurvey(reading: bytes, file: file)
        } catch {
            throw ConfigurationFailure(text: "\(file): \(error.text)", exitCode: 2)
        }
    }

    private func lock(
        _ directory: String, _ plugins: HostPlugins, _ desk: RecoverDesk
    ) throws(ConfigurationFailure) -> any FileLock {
        guard plugins.files.isDirectory(directory) else {
            throw ConfigurationFailure(text: "\(directory): no such folder", exitCode: 1)
        }
        do throws(FileError) {
            return try plugins.files.lock(directory)
        } catch .locked(let path, desk.processID) {
            throw ConfigurationFailure(
                text: "\(path): given twice: -data-dir wants a folder for each server that is left",
                exitCode: 2)
        } catch .locked(let path, let holder) {
            let who = holder.map { "process \($0)" } ?? "another process"
            throw ConfigurationFailure(
                text: "\(path): in use by \(who): stop that server first (systemctl stop martlet"
                    + (holder.map { ", or kill \($0)" } ?? "") + ")", exitCode: 1)
        } catch .denied(let path) {
            throw ConfigurationFailure(
                text: "\(path): permission denied: run this as the user of the server, or as root",
                exitCode: 1)
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
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
