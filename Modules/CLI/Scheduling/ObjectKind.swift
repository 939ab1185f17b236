// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// What has an id that nobody types whole.
enum ObjectKind: String {
    case node, evaluation, allocation, deployment

    var list: String { "/v1/\(rawValue)s" }

    func path(_ id: String) -> String { "/v1/\(rawValue)/\(Target.encoded(id))" }

    fileprivate var failing: String { "Error querying \(rawValue)" }

    /// What a list of candidates tells of each beside its id.
    fileprivate var columns: [(title: String, field: String)] {
        switch self {
        case .node: [("DC", "Datacenter"), ("Name", "Name"), ("Status", "Status")]
        case .evaluation:
            [("Triggered By", "TriggeredBy"), ("Job ID", "JobID"), ("Status", "Status")]
        case .allocation:
            [
                ("Node Name", "NodeName"), ("Name", "Name"), ("Desired", "DesiredStatus"),
                ("Status", "ClientStatus"),
            ]
        case .deployment:
            [("Job ID", "JobID"), ("Job Version", "JobVersion"), ("Status", "Status")]
        }
    }
}

extension Invocation {
    /// The object that an operand names: by its id, or by how its id begins.
    ///
    /// - Throws: exit code 2 where nothing begins so, or several do; those are listed.
    func find(_ kind: ObjectKind, _ typed: String) throws(CLIFailure) -> Answer {
        guard typed.utf8.count >= 2 else {
            throw .usage("an id must have at least two characters")
        }
        let id = try completed(kind, typed)
        let response = try response(.get, kind.path(id), failing: kind.failing)
        guard response.status != 404 else { throw noneBegins(kind, typed) }
        guard response.status == 200 else { throw refusal(response, failing: kind.failing) }
        return try Answer(response, failing: kind.failing)
    }

    /// The id of that object, where no more is needed of it.
    func completed(_ kind: ObjectKind, _ typed: String) throws(CLIFailure) -> String {
        guard typed.utf8.count <= Self.idLength else { throw noneBegins(kind, typed) }
        guard typed.utf8.count < Self.idLength else { return typed }
        let found = try answer(
            kind.list, query: [("prefix", typed)], failing: kind.failing
        ).elements()
        guard let first = found.first else { throw noneBegins(kind, typed) }
        guard found.count == 1 else { throw severalBegin(kind, found) }
        return first.text("ID")
    }

    /// Of a UUID, as text.
    private static let idLength = 36

    private func noneBegins(_ kind: ObjectKind, _ typed: String) -> CLIFailure {
        CLIFailure(
            "No \(kind.rawValue)(s) with prefix or id \"\(Text.clipped(typed))\" found", .refused)
    }

    private static let candidatesMax = 32

    private func severalBegin(_ kind: ObjectKind, _ found: [Answer]) -> CLIFailure {
        var table = Table(columns: ["ID"] + kind.columns.map(\.title))
        for answer in found.prefix(Self.candidatesMax) {
            table.rows.append(
                [Cell(answer.text("ID"))] + kind.columns.map { Cell(answer.text($0.field)) })
        }
        let more = found.count - table.rows.count
        return CLIFailure(
            "Prefix matched multiple \(kind.rawValue)s\n\n"
                + table.text(.none).dropLast() + (more > 0 ? "\n… and \(more) more" : ""), .refused)
    }

    /// Whoever changes what was named by the beginning of its id says that this is meant.
    func confirm(_ typed: String, is id: String, _ what: String) throws(CLIFailure) {
        guard typed != id, !values.isOn("yes") else { return }
        throw .usage(
            "\"\(Text.clipped(typed))\" is the beginning of \(what): add -yes if that is meant")
    }
}

extension Invocation {
    /// The id of the job that an operand names: itself, or the only one that begins so.
    ///
    /// - Throws: exit code 2 where there is none, or several; those are listed.
    func findJob(_ typed: String) throws(CLIFailure) -> Answer {
        let failing = "Error querying job"
        let response = try response(.get, Self.jobPath(typed), failing: failing)
        if response.status == 200 { return try Answer(response, failing: failing) }
        guard response.status == 404 else { throw refusal(response, failing: failing) }
        let found = try answer("/v1/jobs", query: [("prefix", typed)], failing: failing).elements()
        guard let first = found.first else {
            throw CLIFailure(
                "No job(s) with prefix or id \"\(Text.clipped(typed))\" found", .refused)
        }
        guard found.count == 1 else {
            throw CLIFailure(
                "Prefix matched multiple jobs\n\n"
                    + Self.jobTable(Array(found.prefix(Self.candidatesMax)), environment)
                    .text(.none).dropLast(), .refused)
        }
        return try answer(Self.jobPath(first.text("ID")), failing: failing)
    }

    /// An id may hold slashes.
    static func jobPath(_ id: String, _ rest: String = "") -> String {
        "/v1/job/\(Target.encoded(id))\(rest)"
    }

    static func jobTable(_ jobs: [Answer], _ environment: CLIEnvironment) -> Table {
        var table = Table("ID", "Type", "Priority", "Status", "Submit Date")
        for job in jobs {
            let status = job.text("Status") + (job.isTrue("Stop") ? " (stopped)" : "")
            table.rows.append([
                Cell(job.text("ID")), Cell(job.text("Type")), Cell(job.text("Priority")),
                Cell(status, job.text("Status") == "pending" ? .warning : .plain),
                Cell(Moment.age(ofUnixNanoseconds: job.int("SubmitTime"), environment)),
            ])
        }
        return table
    }
}

/// How commands of the scheduler show what they are about.
extension Invocation {
    static let verbose = Flag("verbose", .onOff, "Show whole ids, and more.")
    static let detach = Flag(
        "detach", .onOff, "End at once and print the id of the evaluation, instead of following it."
    )

    var isVerbose: Bool { values.isOn("verbose") }

    /// The first eight letters of an id, as long as nobody asked for more.
    func shown(_ id: String) -> String { isVerbose ? id : String(id.prefix(8)) }

    func age(_ nanoseconds: Int64) -> String {
        Moment.age(ofUnixNanoseconds: nanoseconds, environment)
    }

    /// In bold, above a table.
    func title(_ text: String) -> String { "\n" + style.paint(text, .strong) + "\n" }

    /// A read that waits, for two seconds at most, until something has changed after `index`.
    ///
    /// - Parameter index: 0 for the first time, then what the call before returned.
    func news(
        _ path: String, after index: UInt64, failing: String
    ) throws(CLIFailure) -> (answer: Answer, index: UInt64) {
        let query = index == 0 ? [] : [("index", "\(index)"), ("wait", "2s")]
        let response = try success(.get, path, query: query, failing: failing)
        let answer = try Answer(response, failing: failing)
        let newest = response.header("X-Nomad-Index").flatMap { UInt64($0) } ?? 0
        // Who did not wait is not asked again at once.
        if newest <= index { wait(for: .milliseconds(newest == 0 ? 1000 : 100)) }
        return (answer, newest)
    }
}
