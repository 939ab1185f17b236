// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletTransport

/// `operator debug`: an archive of all that can be asked, for those who look into a problem.
enum DebugCommand {
    static let all = [
        Command(
            "operator debug", "gathers what can be asked of the servers in an archive",
            detail: "Asks for everything that helps to understand a problem and puts the answers "
                + "into one archive. What is refused or cannot be asked is left out, and named. "
                + "Tokens and keys are not in it.",
            flags: [
                Flag(
                    "output", .text("FOLDER"),
                    "Where the archive goes; it is made if it is missing. Otherwise the present folder."
                )
            ], run: run)
    ]

    /// The file in the archive, and what it holds.
    private static let questions: [(file: String, path: String)] = [
        ("members.json", "/v1/agent/members"), ("agent-self.json", "/v1/agent/self"),
        ("agent-health.json", "/v1/agent/health"), ("leader.json", "/v1/status/leader"),
        ("peers.json", "/v1/status/peers"), ("regions.json", "/v1/regions"),
        ("raft-configuration.json", "/v1/operator/raft/configuration?stale="),
        ("raft-history.json", "/v1/operator/raft/history"),
        ("autopilot-configuration.json", "/v1/operator/autopilot/configuration?stale="),
        ("autopilot-health.json", "/v1/operator/autopilot/health"),
        ("autopilot-state.json", "/v1/operator/autopilot/state"),
        ("autopilot-plan.json", "/v1/operator/autopilot/plan"),
        ("scheduler-configuration.json", "/v1/operator/scheduler/configuration?stale="),
        ("metrics.json", "/v1/metrics"),
    ]

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        let environment = invocation.environment
        let now = environment.wallClockNanoseconds()
        let time = Timestamp.rfc3339(unixNanoseconds: now).filter { $0 != ":" && $0 != "-" }
        let name = "martlet-debug-\(time)"
        var path = "\(name).tar.gz"
        if let folder = invocation.values.text("output"), !folder.isEmpty {
            path = "\(folder)/\(path)"
            do throws(FileError) {
                try environment.files.makeDirectory(folder)
            } catch {
                throw CLIFailure("\(error)", .unable)
            }
        }
        try invocation.checkAbsence(of: path)
        invocation.line("Starting debugger...")
        var files: [Tar.File] = []
        var index = ""
        for question in questions {
            let answer = try ask(question.path, invocation)
            index += "\(question.file): \(question.path): \(answer.note)\n"
            guard let body = answer.body else { continue }
            files.append(Tar.File(name: "\(name)/\(question.file)", content: body))
        }
        files.append(Tar.File(name: "\(name)/index.txt", content: Array(index.utf8)))
        let archive: [UInt8]
        do throws(CompressionError) {
            archive = try environment.compression.gzip(
                Tar.write(files, unixSeconds: now / 1_000_000_000))
        } catch {
            throw CLIFailure("the archive cannot be packed: \(error)", .unable)
        }
        try invocation.save(archive, as: path, failing: "Error writing the archive")
        invocation.line("Created debug archive: \(Text.line(path))")
        return .fine
    }

    /// What came; refusals are told and survived. The first question that nobody answers ends it.
    private static func ask(
        _ path: String, _ invocation: Invocation
    ) throws(CLIFailure) -> (body: [UInt8]?, note: String) {
        let response = try invocation.response(
            .get, path, failing: "Failed to retrieve \(path)")
        // Both say something, if not what one would like to hear.
        let isUseful = [200, 429, 500].contains(response.status) && !response.body.isEmpty
        if response.status != 200 {
            let reason = Text.reason(isUseful ? [] : response.body)
            invocation.note("\(path): response code \(response.status) \(reason)")
        }
        return (isUseful ? response.body : nil, "\(response.status)")
    }
}
