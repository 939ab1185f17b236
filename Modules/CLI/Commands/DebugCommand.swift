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
                + "into one archive: of the server that is asked, of every other one that it knows, "
                + "and what the doctor finds. What is refused or cannot be asked is left out, and "
                + "named. Tokens and keys are not in it.",
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

    /// Of each server for itself.
    private static let questionsToEach: [(file: String, path: String)] = [
        ("agent-self.json", "/v1/agent/self"), ("agent-health.json", "/v1/agent/health"),
        ("members.json", "/v1/agent/members"), ("metrics.json", "/v1/metrics"),
        ("raft-configuration.json", "/v1/operator/raft/configuration?stale="),
        ("raft-history.json", "/v1/operator/raft/history?stale="),
    ]
    /// Of all answers together: what else there is stays out.
    private static let bytesMax = 128 << 20

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
        try askEach(invocation, under: name, &files, &index)
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

    /// Every server that can be found, all at once and each for a short time; and the doctor.
    private static func askEach(
        _ invocation: Invocation, under name: String, _ files: inout [Tar.File],
        _ index: inout String
    ) throws(CLIFailure) {
        let enquiry = try Enquiry(invocation)
        let picture = enquiry.picture()
        let findings = Examination(picture: picture).diagnosis().text(.none)
        files.append(Tar.File(name: "\(name)/doctor.txt", content: Array(findings.utf8)))
        let servers = picture.answering.filter { $0.place != nil }
        let replies = enquiry.replies(
            of: servers.compactMap(\.place), to: questionsToEach.map(\.path))
        var left = bytesMax - files.reduce(0) { $0 + $1.content.count }
        for (number, (server, replies)) in zip(servers, replies).enumerated() {
            for (question, reply) in zip(questionsToEach, replies) {
                let file = "server/\(number + 1)-\(fileName(server.label))/\(question.file)"
                let (body, note) = content(of: reply)
                let fits = (body?.count ?? 0) <= left
                index +=
                    "\(file): \(server.address)\(question.path): \(fits ? note : "too large")\n"
                guard let body, fits else { continue }
                left -= body.count
                files.append(Tar.File(name: "\(name)/\(file)", content: body))
            }
        }
        for server in picture.silent {
            invocation.note("\(server.label): left out: \(Text.line(server.failure ?? ""))")
        }
    }

    private static func content(of reply: ServerConnection.Reply) -> (body: [UInt8]?, note: String)
    {
        switch reply.result {
        case .failure(let failure): (nil, Text.line(failure.text))
        case .success(let response):
            (isUseful(response) ? response.body : nil, "\(response.status)")
        }
    }

    /// Both refusals say something, if not what one would like to hear.
    private static func isUseful(_ response: ClientResponse) -> Bool {
        [200, 429, 500].contains(response.status) && !response.body.isEmpty
    }

    /// A name that others gave, as a folder: it must not lead anywhere.
    private static func fileName(_ text: String) -> String {
        String(
            text.unicodeScalars.prefix(64).map { scalar in
                let isKept =
                    scalar.isASCII
                    && (scalar.properties.isAlphabetic
                        || "0123456789.-_"
                            .unicodeScalars.contains(scalar))
                return isKept ? Character(scalar) : "_"
            })
    }

    /// What came; refusals are told and survived. The first question that nobody answers ends it.
    private static func ask(
        _ path: String, _ invocation: Invocation
    ) throws(CLIFailure) -> (body: [UInt8]?, note: String) {
        let response = try invocation.response(
            .get, path, failing: "Failed to retrieve \(path)")
        let isUseful = isUseful(response)
        if response.status != 200 {
            let reason = Text.reason(isUseful ? [] : response.body)
            invocation.note("\(path): response code \(response.status) \(reason)")
        }
        return (isUseful ? response.body : nil, "\(response.status)")
    }
}
