// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletState

extension FuzzTarget {
    static let scheduling = [jobBody, nodeBody, allocationsBody]

    private static let jobWords = words(
        "{\"Job\":{\"ID\":\"j\",", "\"TaskGroups\":[{\"Name\":\"g\",",
        "\"Tasks\":[{\"Name\":\"t\",",
        "\"Driver\":\"mock\"", "\"Type\":\"system\"", "\"Type\":\"batch\"", "\"sysbatch\"",
        "\"Count\":", "\"Constraints\":[{", "\"LTarget\":\"${attr.x}\",", "\"Operand\":\"regexp\",",
        "\"distinct_property\"", "\"RTarget\":\"(a*)*\"", "\"Affinities\":[{\"Weight\":",
        "\"Spreads\":[{",
        "\"SpreadTarget\":[{\"Value\":\"a\",\"Percent\":50}]", "\"Update\":{\"MaxParallel\":1",
        "\"Canary\":1", "\"RestartPolicy\":{\"Attempts\":", "\"ReschedulePolicy\":{\"Delay\":",
        "\"DelayFunction\":\"fibonacci\"", "\"Networks\":[{\"DynamicPorts\":[{\"Label\":\"p\"",
        "\"Resources\":{\"CPU\":", "\"Cores\":2", "\"MemoryMB\":", "\"Devices\":[{\"Name\":\"gpu\"",
        "\"Lifecycle\":{\"Hook\":\"prestart\"", "\"Config\":{\"a\":[1,{\"b\":null}]}", "\"Meta\":{",
        "\"Datacenters\":[\"dc1\"]", "\"Priority\":", "null", "true", "[", "]", "{", "}", ",", "\"",
        "9223372036854775807", "-9223372036854775808", "1e9", "\"30s\"", "\\u0000", "é")

    /// A job that is read is answered in a form that is read as the same; one that is valid goes through
    /// the log and comes out as the same; a refusal is 4xx. Whether it is valid or not, what it asks can
    /// be added up, and it differs in nothing from itself.
    private static let jobBody = FuzzTarget(
        "api-job", "what registers a job", words: jobWords
    ) { input throws(Finding) in
        let job: Job
        do throws(APIError) {
            job = try JobRegisterRequest.parse(body: input).job
        } catch {
            return try features(of: error)
        }
        let verdict = job.validate()
        let sum = job.groups.reduce(CombinedResources()) { $0 + $1.combinedResources }
        let answer = Array("{\"Job\":".utf8) + JSONWriter.encode(job) + [UInt8(ascii: "}")]
        let room = JSONLimits(depthMax: 128, bytesMax: 1 << 26, valuesMax: 1 << 22)
        let again = try must("what was answered") {
            try JobRegisterRequest.parse(body: answer, limits: room).job
        }
        try demand(again == job, "what was answered is another job")
        let diff = JobDiff.between(job, again)
        try demand(diff.kind == .none, "a job differs from itself")
        _ = JSONWriter.encode(JobDiff.between(nil, job))
        if verdict.isValid {
            try demand(sum.cpu >= 0 && sum.memoryMB >= 0, "a valid job asks less than nothing")
            try throughTheLog(job)
        }
        return Features.bits(
            verdict.isValid ? 1 : 0, UInt8(min(job.groups.count, 9)),
            UInt8(min(verdict.errors.count, 9)), size: answer.count)
    }

    private static func throughTheLog(_ job: Job) throws(Finding) {
        let command = Command.scheduling(.registerJob(job, expected: nil, evaluations: []))
        let read = try must("its command") { try Command(decoding: command.encoded()) }
        try demand(read == command, "its command is read as another")
        var state = State()
        let result = state.apply(command.encoded(), at: 1)
        try demand(result == .applied(modifyIndex: 1), "it is not registered: \(result)")
        let loaded = try must("its snapshot") { try State(decoding: state.encoded()) }
        try demand(loaded == state, "its snapshot is another state")
    }

    private static let nodeWords = words(
        "{\"ID\":\"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e\",",
        "\"SecretID\":\"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081f\",", "\"Datacenter\":\"dc1\",",
        "\"NodeResources\":{\"Cpu\":{\"CpuShares\":4000,\"ReservableCpuCores\":[0,1]}",
        "\"Devices\":[{\"Vendor\":\"v\",\"Type\":\"gpu\",\"Instances\":[{\"ID\":\"a\"}]",
        "\"Attributes\":{\"m\":{\"Int\":5,\"Unit\":\"MiB\"}}", "\"Float\":1.5",
        "\"NodeNetworks\":[{",
        "\"Addresses\":[{\"Alias\":\"a\",\"ReservedPorts\":\"22,80-90\"}]",
        "\"Drivers\":{\"mock\":{",
        "\"ReservedResources\":{\"Networks\":{\"ReservedHostPorts\":\"22\"}}",
        "\"MinDynamicPort\":",
        "\"Status\":\"ready\"", "\"HostVolumes\":{\"v\":{\"Path\":\"/\"}}", "{", "}", "[", "]", ",",
        "\"", "null", "-1", "65536")

    /// A node that is read goes through the log and comes out as the same, and its class is one of 64
    /// bits whatever it says; a refusal is 4xx.
    private static let nodeBody = FuzzTarget(
        "api-node", "what registers a node", words: nodeWords
    ) { input throws(Finding) in
        let node: Node
        do throws(APIError) {
            node = try Node.parse(body: input)
        } catch {
            return try features(of: error)
        }
        _ = JSONWriter.encode(node)
        _ = JSONWriter.encode(NodeStub(Shared(node), showsResources: true))
        var state = State()
        let command = Command.scheduling(.registerNodes([node], evaluations: []))
        let result = state.apply(command.encoded(), at: 1)
        try demand(result == .applied(modifyIndex: 1), "it is not registered: \(result)")
        let stored = state.scheduling.node(node.id)?.value
        try demand(stored?.classDigest == node.classDigest, "it is of another class")
        let loaded = try must("its snapshot") { try State(decoding: state.encoded()) }
        try demand(loaded == state, "its snapshot is another state")
        return Features.bits(
            1, UInt8(min(node.resources.devices.count, 9)), UInt8(min(node.drivers.count, 9)),
            size: input.count)
    }

    private static let allocationsBody = FuzzTarget(
        "api-allocations", "what a node tells of its allocations",
        words: words(
            "{\"Alloc\":[{\"ID\":\"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e\",",
            "\"ClientStatus\":\"running\"",
            "\"lost\"", "\"TaskStates\":{\"t\":{\"State\":\"dead\",\"Failed\":true",
            "\"Events\":[{\"Type\":\"Started\",\"Time\":1}]",
            "\"DeploymentStatus\":{\"Healthy\":true",
            "\"FinishedAt\":\"2026-11-23T07:59:08Z\"", "{", "}", "[", "]", ",", "\"", "null")
    ) { input throws(Finding) in
        let scanned = AllocationUpdate.scan(input)
        let updates: [AllocationUpdate]
        do throws(APIError) {
            updates = try AllocationUpdate.readTree(of: input)
        } catch {
            try demand(scanned == nil, "what is refused is read in one pass")
            return try features(of: error)
        }
        try demand(scanned ?? updates == updates, "in one pass it is read as another")
        let command = Command.scheduling(
            .updateAllocations(updates, unixNanoseconds: 1, evaluations: []))
        let read = try must("its command") { try Command(decoding: command.encoded()) }
        try demand(read == command, "its command is read as another")
        return Features.bits(
            scanned == nil ? 2 : 3, UInt8(min(updates.count, 9)), size: input.count)
    }

    private static func features(of error: APIError) throws(Finding) -> UInt64 {
        try demand(400..<500 ~= error.status, "a refusal of \(error.status)")
        try demand(!error.message.isEmpty, "a refusal without a reason")
        return Features.text(error.message)
    }
}
