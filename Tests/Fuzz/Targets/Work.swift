// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletCLI
import MartletHCL
import MartletJSON
import MartletServer
import MartletState

extension FuzzTarget {
    static let work = [nodeReading, requests, listFilter, jobFile]

    private static let nodeWords = words(
        "{\"Allocs\":[{\"ID\":\"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e\",",
        "\"NodeID\":\"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081f\",", "\"JobPosition\":0",
        "\"Jobs\":[{\"ID\":\"j\",\"TaskGroups\":[{\"Name\":\"g\",\"Tasks\":[{\"Name\":\"t\"}]}]}]",
        "\"TaskGroup\":\"g\"", "\"DesiredStatus\":\"stop\"", "\"ClientStatus\":\"lost\"",
        "\"AllocatedResources\":{\"Shared\":{\"Ports\":[{\"Label\":\"p\",\"Value\":",
        "{\"Alloc\":[{\"ID\":", "\"Runs\":{\"t\":{\"Count\":", "\"Open\":true",
        "{\"command\":\"/bin/x\"", "\"args\":[\"a\"]", "\"work_dir\":", "\\u0000", "{", "}", "[",
        "]", ",", "null", "-1", "9223372036854775807")

    /// What a node reads: of servers, of its own disk, and of a task. What it saves is read as the same.
    private static let nodeReading = FuzzTarget(
        "node-reading", "what a node is told to run, what it kept, what a task says",
        words: nodeWords
    ) { input throws(Finding) in
        let body = Array(input.dropFirst())
        do throws(APIError) {
            switch (input.first ?? 0) % 3 {
            case 0:
                let assignments = try Assignment.parse(body)
                for one in assignments {
                    try demanded(one.job.value.lookup(group: one.group.name) != nil)
                }
                return Features.bits(1, UInt8(min(assignments.count, 9)), size: body.count)
            case 1:
                let saved = try SavedAllocation.parse(body)
                try demanded(try SavedAllocation.parse(saved.bytes) == saved)
                return Features.bits(2, UInt8(min(saved.runs.count, 9)), size: body.count)
            default:
                guard let node = try? JSONReader.parse(body) else { return 0 }
                let settings = try ExecSettings(JSONText(node))
                try demanded(
                    !settings.command.isEmpty
                        && !settings.arguments.contains { $0.utf8.contains(0) })
                return Features.bits(3, UInt8(min(settings.arguments.count, 9)), size: body.count)
            }
        } catch {
            return try refused(error)
        }
    }

    /// Small bodies: what is taken goes through the log, or has what it must have.
    private static let requests = FuzzTarget(
        "requests", "pools of nodes, and evaluations to delete",
        words: words(
            "{\"Name\":\"gpu\"", "\"Description\":", "\"Meta\":{\"a\":\"b\"}",
            "\"SchedulerConfiguration\":{\"SchedulerAlgorithm\":\"spread\"",
            "\"MemoryOversubscriptionEnabled\":false", "\"default\"", "\"all\"",
            "{\"EvalIDs\":[\"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e\"", "\"Filter\":\"\"", "{", "}",
            "[", "]", ",", "null")
    ) { input throws(Finding) in
        let body = Array(input.dropFirst())
        do throws(APIError) {
            if (input.first ?? 0) % 2 == 0 {
                let request = try EvaluationDeleteRequest.parse(body: body)
                try demanded(
                    (1...EvaluationDeleteRequest.evaluationsMax)
                        .contains(request.evaluations.count))
                return Features.bits(1, size: request.evaluations.count)
            }
            let pool = try NodePool.parse(body: body)
            try demanded(try NodePool.parse(body: JSONWriter.encode(pool)) == pool)
            try throughTheLog(pool)
            return Features.bits(
                2, pool.scheduling == nil ? 0 : 1, UInt8(min(pool.meta.count, 9)),
                size: body.count)
        } catch {
            return try refused(error)
        }
    }

    private static func throughTheLog(_ pool: NodePool) throws(APIError) {
        var state = State()
        let command = Command.scheduling(.upsertPools([pool]))
        let result = state.apply(command.encoded(), at: 1)
        try demanded(result == .applied(modifyIndex: 1) || !pool.isAllowed)
        try demanded((try? State(decoding: state.encoded())) == state)
    }

    /// A filter is taken or refused with its place; one that is taken says the same of a row whenever it
    /// is asked, and its opposite says the opposite.
    private static let listFilter = FuzzTarget(
        "list-filter", "which rows of a list are wanted", bytesMax: 2048,
        words: words(
            "Status == \"running\"", "Meta.a", "Meta[\"a.b\"]", "Datacenters", " in ", " not in ",
            " is empty", " is not empty", " contains ", " not contains ", " matches ", "\"(a*)*b\"",
            " and ", " or ", "not ", "(", ")", "==", "!=", "`", "\"", "\\", ".", "[", "]", "50",
            "ID", "Priority", "true", "é")
    ) { input throws(Finding) in
        let text = String(decoding: input, as: UTF8.self)
        do throws(APIError) {
            let holds = try FilterReading.holds(text, of: filteredRow)
            try demanded(try FilterReading.holds(text, of: filteredRow) == holds)
            if input.count < 2000,
                let opposite = try? FilterReading.holds(
                    "not (\(text))", of: filteredRow)
            {
                try demanded(opposite != holds)
            }
            return Features.bits(1, holds ? 1 : 0, size: input.count)
        } catch {
            return try refused(error)
        }
    }

    private static let filteredRow = Array(
        #"{"ID":"aab","Priority":50,"Status":"running","Datacenters":["dc1"],"Meta":{"a":"b"}}"#
            .utf8)

    /// A job file is JSON for the API, or has a fault with a place; what the API makes of it, it says.
    private static let jobFile = FuzzTarget(
        "job-file", "a job in HCL", bytesMax: 8192,
        words: words(
            "job \"a\" {", "group \"g\" {", "task \"t\" {", "driver = \"mock\"", "config {",
            "count =",
            "constraint {", "attribute = \"${attr.x}\"", "operator = \"regexp\"", "value =",
            "network {", "port \"http\" {", "static = 80", "resources {", "cpu =", "update {",
            "min_healthy_time = \"1s\"", "device \"gpu\" {", "volume \"v\" {", "meta {", "env {",
            "spread {", "target \"a\" {", "percent =", "lifecycle {", "dynamic \"x\" {", "${var.x}",
            "}", "{", "[", "]", "\"", "=", "\n", "<<EOF\n", "30s", "-1", "1e9",
            "9223372036854775808")
    ) { input throws(Finding) in
        let json: [UInt8]
        do throws(HCLError) {
            json = try JobFileReading.json(ofHCL: input)
        } catch {
            try demand(error.position.line >= 1, "a fault nowhere")
            return Features.text(error.message)
        }
        let body = Array("{\"Job\":".utf8) + json + [UInt8(ascii: "}")]
        do throws(APIError) {
            let job = try JobRegisterRequest.parse(body: body).job
            return Features.bits(
                1, job.validate().isValid ? 1 : 0, UInt8(min(job.groups.count, 9)),
                size: json.count)
        } catch {
            return try refused(error)
        }
    }

    // MARK: What must hold

    /// As ``demand(_:_:)``, where refusals are thrown.
    private static func demanded(_ holds: Bool) throws(APIError) {
        guard !holds else { return }
        throw APIError(status: 0, message: "a property of what was taken does not hold")
    }

    private static func refused(_ error: APIError) throws(Finding) -> UInt64 {
        try demand(400..<500 ~= error.status, "a refusal of \(error.status): \(error.message)")
        try demand(!error.message.isEmpty, "a refusal without a reason")
        return Features.text(error.message)
    }
}
