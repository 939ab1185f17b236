// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON

/// `job history` and `job inspect`.
enum JobHistory {
    private static let failing = "Error retrieving job versions"

    static let run: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let id = try invocation.findJob(invocation.values.operands[0]).text("ID")
        let showsDiff = invocation.values.isOn("p")
        let answer = try invocation.answer(
            Invocation.jobPath(id, "/versions"), query: showsDiff ? [("diffs", "true")] : [],
            failing: failing)
        let wanted = invocation.values.count("version")
        let versions = try answer.list("Versions")
        let diffs = try answer.list("Diffs")
        if let wanted {
            let place = versions.firstIndex { $0.count("Version") == wanted }
            guard let place else { throw missing(wanted, of: id) }
            try invocation.show(versions[place]) { () throws(CLIFailure) in
                try text(versions[place], place < diffs.count ? diffs[place] : nil, invocation)
            }
            return .fine
        }
        try invocation.show(answer) { () throws(CLIFailure) in
            var texts: [String] = []
            for (place, version) in versions.enumerated() {
                texts.append(
                    try text(version, place < diffs.count ? diffs[place] : nil, invocation))
            }
            return texts.joined(separator: "\n")
        }
        return .fine
    }

    private static func missing(_ version: UInt64, of id: String) -> CLIFailure {
        CLIFailure("There is no version \(version) of job \"\(Text.line(id))\"", .refused)
    }

    /// - Parameter diff: what this version changed.
    private static func text(
        _ version: Answer, _ diff: Answer?, _ invocation: Invocation
    ) throws(CLIFailure) -> String {
        var facts = Facts()
        facts.add("Version", version.text("Version"))
        facts.add("Stable", "\(version.isTrue("Stable"))")
        let submitted = version.int("SubmitTime")
        facts.add(
            "Submit Date", submitted == 0 ? "" : Timestamp.rfc3339(unixNanoseconds: submitted))
        let head = facts.text(invocation.style)
        guard let diff else { return head }
        return try head + "Diff        =\n"
            + DiffText(style: invocation.style, showsEqual: false).text(ofJob: diff)
    }

    static let inspect: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        var job = try invocation.findJob(invocation.values.operands[0])
        if let wanted = invocation.values.count("version") {
            let id = job.text("ID")
            let versions = try invocation.answer(
                Invocation.jobPath(id, "/versions"), failing: failing
            ).list("Versions")
            guard let found = versions.first(where: { $0.count("Version") == wanted }) else {
                throw missing(wanted, of: id)
            }
            job = found
        }
        try invocation.show(job) { () throws(CLIFailure) in
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("Job", job.node)
            writer.endObject()
            return SortedJSON.text(try Answer(bytes: writer.bytes, failing: failing).node)
        }
        return .fine
    }
}
