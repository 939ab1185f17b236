// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Follows an evaluation until the scheduler has done with it, then the deployment that it is part of.
/// Each line says when.
struct EvaluationMonitor {
    private let invocation: Invocation
    private let failing = "Error monitoring evaluation"
    /// Client statuses by the allocation's id, as they were told.
    private var told: [String: String] = [:]
    private var hiddenAllocations = 0

    /// Rolling updates chain one evaluation to the next.
    private static let evaluationsMax = 256
    /// Without -verbose, no more allocations are told of one by one.
    private static let allocationsMax = 24

    private let followsDeployment: Bool

    init(_ invocation: Invocation, followsDeployment: Bool = true) {
        self.invocation = invocation
        self.followsDeployment = followsDeployment
    }

    /// - Returns: exit code 2 where something found no place, or the deployment failed.
    mutating func follow(_ id: String) throws(CLIFailure) -> ExitCode {
        var next = id
        var code = ExitCode.fine
        for _ in 0..<Self.evaluationsMax where !next.isEmpty {
            invocation.heading("Monitoring evaluation \"\(invocation.shown(next))\"")
            let evaluation = try end(of: next)
            let isPlaced = tell(evaluation)
            if !isPlaced { code = .refused }
            next = evaluation.text("NextEval")
            guard next.isEmpty else { continue }
            let deployment = evaluation.text("DeploymentID")
            guard isPlaced, followsDeployment, !deployment.isEmpty else { break }
            return try DeploymentMonitor(invocation).follow(deployment)
        }
        return code
    }

    /// Tells what changes until it has.
    private mutating func end(of id: String) throws(CLIFailure) -> Answer {
        let path = ObjectKind.evaluation.path(id)
        var (status, deployment, index): (String?, String, UInt64) = (nil, "", 0)
        var isWaitExplained = false
        while true {
            let (evaluation, newest) = try invocation.news(path, after: index, failing: failing)
            index = newest
            if status == nil { tellOrigin(of: evaluation) }
            if deployment.isEmpty, !evaluation.text("DeploymentID").isEmpty {
                deployment = evaluation.text("DeploymentID")
                invocation.event(
                    "Evaluation within deployment: \"\(invocation.shown(deployment))\"")
            }
            try tellAllocations(of: path, madeAt: evaluation.int("CreateIndex"))
            let newStatus = evaluation.text("Status")
            if let status, status != newStatus {
                invocation.event("Evaluation status changed: \"\(status)\" -> \"\(newStatus)\"")
            }
            let isStill = status == newStatus
            status = newStatus
            guard ["pending", ""].contains(newStatus) else { return evaluation }
            if isStill, !isWaitExplained {
                isWaitExplained = true
                explainWait()
            }
        }
    }

    /// Nothing has happened for a while: it may have been switched off. Who may not see that waits without a
    /// word.
    private func explainWait() {
        do throws(CLIFailure) {
            let configuration = try invocation.answer(
                "/v1/operator/scheduler/configuration", failing: failing)
            guard configuration["SchedulerConfig"]?.isTrue("PauseEvalBroker") == true else {
                return
            }
            invocation.event(
                "It waits: the evaluation broker is paused (martlet operator scheduler set-config "
                    + "-pause-eval-broker=false)")
        } catch {
            return  // What it waits for is no part of the answer.
        }
    }

    private func tellOrigin(of evaluation: Answer) {
        let node = evaluation.text("NodeID")
        guard node.isEmpty else {
            return invocation.event(
                "Evaluation triggered by node \"\(invocation.shown(node))\"")
        }
        invocation.event("Evaluation triggered by job \"\(evaluation.text("JobID"))\"")
    }

    /// - Parameter index: of the evaluation: what was there before it is changed in place.
    private mutating func tellAllocations(
        of path: String, madeAt index: Int64
    ) throws(CLIFailure) {
        let allocations = try invocation.answer("\(path)/allocations", failing: failing).elements()
        for allocation in allocations {
            let id = allocation.text("ID")
            let status = allocation.text("ClientStatus")
            let shown = invocation.shown(id)
            guard let before = told[id] else {
                told[id] = status
                guard invocation.isVerbose || told.count <= Self.allocationsMax else {
                    hiddenAllocations += 1
                    continue
                }
                let isOld = allocation.int("CreateIndex") < index
                invocation.event(
                    "Allocation \"\(shown)\" \(isOld ? "modified" : "created"): node "
                        + "\"\(invocation.shown(allocation.text("NodeID")))\", group "
                        + "\"\(allocation.text("TaskGroup"))\"")
                continue
            }
            guard before != status else { continue }
            told[id] = status
            invocation.event(
                "Allocation \"\(shown)\" status changed: \"\(before)\" -> \"\(status)\"")
        }
    }

    /// - Returns: whether all that it was for has a place.
    private mutating func tell(_ evaluation: Answer) -> Bool {
        if hiddenAllocations > 0 {
            invocation.event("… and \(hiddenAllocations) more allocations: -verbose tells all")
            hiddenAllocations = 0
        }
        let name = "Evaluation \"\(invocation.shown(evaluation.text("ID")))\""
        let status = evaluation.text("Status")
        let failures = PlacementText.failures(
            evaluation, indent: "    ", isVerbose: invocation.isVerbose)
        guard failures.isEmpty else {
            invocation.heading(
                "\(name) finished with status \"\(status)\" but failed to place all allocations:")
            invocation.write(failures)
            let blocked = evaluation.text("BlockedEval")
            if !blocked.isEmpty {
                invocation.line(
                    "    Evaluation \"\(invocation.shown(blocked))\" waiting for additional "
                        + "capacity to place remainder")
            }
            return false
        }
        let why = evaluation.text("StatusDescription")
        invocation.heading(
            "\(name) finished with status \"\(status)\"" + (why.isEmpty ? "" : ": \(why)"))
        return status == "complete"
    }
}

/// Follows a deployment until it has ended, or an operator is needed.
struct DeploymentMonitor {
    private let invocation: Invocation

    init(_ invocation: Invocation) { self.invocation = invocation }

    /// - Returns: exit code 2 where it failed or was cancelled.
    func follow(_ id: String) throws(CLIFailure) -> ExitCode {
        invocation.heading("Monitoring deployment \"\(invocation.shown(id))\"")
        var (told, index): ([String], UInt64) = ([], 0)
        while true {
            let (deployment, newest) = try invocation.news(
                ObjectKind.deployment.path(id), after: index,
                failing: "Error monitoring deployment")
            index = newest
            let status = deployment.text("Status")
            let lines = Self.progress(of: deployment)
            for line in lines where !told.contains(line) { invocation.event(line) }
            told = lines
            if DeploymentText.waitsForPromotion(deployment) {
                invocation.heading(
                    "Deployment \"\(invocation.shown(id))\" requires manual promotion: martlet "
                        + "deployment promote \(invocation.shown(id))")
                return .fine
            }
            guard !["running", "paused", "pending", "initializing", ""].contains(status) else {
                continue
            }
            invocation.heading(
                "Deployment \"\(invocation.shown(id))\" finished with status \"\(status)\"")
            invocation.write("\n" + DeploymentText.text(deployment, invocation))
            return status == "successful" ? .fine : .refused
        }
    }

    private static func progress(of deployment: Answer) -> [String] {
        let groups = deployment.sortedMembers("TaskGroups").map { name, state in
            let unhealthy = state.int("UnhealthyAllocs")
            return "Task Group \"\(name)\": \(state.int("DesiredTotal")) desired, "
                + "\(state.int("PlacedAllocs")) placed, \(state.int("HealthyAllocs")) healthy"
                + (unhealthy > 0 ? ", \(unhealthy) unhealthy" : "")
        }
        let status = deployment.text("Status")
        return groups + (status == "paused" ? ["Deployment is paused"] : [])
    }
}

extension Invocation {
    private var now: String {
        Timestamp.rfc3339(unixNanoseconds: environment.wallClockNanoseconds())
    }

    /// Something begins or has ended.
    func heading(_ text: String) { line(style.paint("==> \(now): \(text)", .strong)) }

    /// Something happened.
    func event(_ text: String) { line("    \(now): \(text)") }

    /// Follows the evaluation that a change made, or with -detach prints its id.
    ///
    /// - Parameters:
    ///   - done: what is printed with -detach first.
    ///   - followsDeployment: whether the deployment that it belongs to is followed after it.
    func follow(
        _ change: Answer, done: String? = nil, followsDeployment: Bool = true
    ) throws(CLIFailure) -> ExitCode {
        let id = change.text("EvalID")
        if id.isEmpty || values.isOn("detach") {
            if let done { line(done) }
            if !id.isEmpty { line(done == nil ? id : "Evaluation ID: \(id)") }
            return .fine
        }
        var monitor = EvaluationMonitor(self, followsDeployment: followsDeployment)
        return try monitor.follow(id)
    }
}
