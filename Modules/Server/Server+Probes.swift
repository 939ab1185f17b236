// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletState
import MartletTransport

/// What supervisors and load balancers ask again and again: whether to leave this server running, to
/// send it requests, to send it writes. Answered from what the loop knows, at once: no probe waits for
/// a leader, a disk or another server, and none needs a token.
extension Server {
    func probe(_ call: Call) -> APIResponse {
        guard case .probe(let isVerbose) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        switch call.endpoint {
        case .livez: return report("livez", liveChecks, isVerbose: isVerbose)
        case .readyz: return report("readyz", readyChecks, isVerbose: isVerbose)
        default: return isLeaderAnswer
        }
    }

    /// 503 elsewhere: balancers take any status but 2xx and 3xx for "not here", and no client takes
    /// this one for a limit on its rate, which is what 429 says on this port.
    private var isLeaderAnswer: APIResponse {
        if replica.failure == nil, replica.outlook.status.role == .leader {
            return .text(200, "leader")
        }
        return .text(503, leaderAddress.map { "not the leader: \($0) is" } ?? "no leader is known")
    }

    /// Whether a restart would not do it good.
    private var liveChecks: [ProbeCheck] {
        [
            // Whoever reads this was answered by the loop.
            ProbeCheck("loop", problem: nil),
            ProbeCheck(
                "storage", problem: isStopping ? nil : replica.failure.map { "failed: \($0)" }),
        ]
    }

    /// Whether a request that is sent here, a default read or a write, is likely to be answered.
    private var readyChecks: [ProbeCheck] {
        [
            ProbeCheck("running", problem: isStopping ? "the server is stopping" : nil),
            ProbeCheck("storage", problem: storageProblem),
            ProbeCheck("leader", problem: leaderProblem),
            ProbeCheck("replica", problem: replicaProblem),
        ] + auditCheck
    }

    private var isStopping: Bool { isStopped || !stopCompletions.isEmpty }

    private var storageProblem: String? {
        if isStopping { return nil }
        if let failure = replica.failure { return "failed: \(failure)" }
        if replica.isDiskFull { return "the disk is full" }
        if replica.core.isDiskStalled { return "the disk does not answer" }
        return nil
    }

    /// Where no change is taken without its line, those who ask send it to another server.
    private var auditCheck: [ProbeCheck] {
        guard let audit else { return [] }
        let problem = audit.refusesChanges ? audit.failure.map { "cannot be written: \($0)" } : nil
        return [ProbeCheck("audit log", problem: problem)]
    }

    private var leaderProblem: String? {
        let status = replica.outlook.status
        guard replica.failure == nil, let leader = status.leader else {
            return "no leader is known"
        }
        if status.role == .leader { return nil }
        // Longer than any follower that may campaign waits for a leader.
        guard lastContact <= options.timing.electionTimeout * 2 else {
            return "not heard of for \(lastContact.milliseconds) ms"
        }
        guard network.isConnected(to: leader) else { return "no connection to it" }
        return nil
    }

    private var replicaProblem: String? {
        if replica.core.isRecovering {
            return "lost log or vote records, and is not refilled by the leader yet"
        }
        if replica.outlook.status.role == .leader {
            return replica.hasAppliedOwnTerm
                ? nil : "has not committed the first entry of its leadership yet"
        }
        guard let behind = replica.core.entriesBehindLeader else {
            return "not in touch with a leader's log"
        }
        // As far as Autopilot lets a healthy server be behind.
        let limit = replica.state.autopilot?.maxTrailingLogs ?? options.autopilot.maxTrailingLogs
        return behind <= limit
            ? nil : "\(behind) committed entries behind the leader, \(limit) are allowed"
    }

    /// One line for a balancer; each check for people who ask, and wherever one has failed.
    private func report(_ name: String, _ checks: [ProbeCheck], isVerbose: Bool) -> APIResponse {
        let isPassed = checks.allSatisfy { $0.problem == nil }
        if isPassed, !isVerbose { return .text(200, "ok") }
        let lines = checks.map { check in
            check.problem.map { "[-]\(check.name) failed: \($0)" } ?? "[+]\(check.name) ok"
        }
        let verdict = "\(name) check \(isPassed ? "passed" : "failed")"
        return .text(
            isPassed ? 200 : 503, (lines + [verdict]).joined(separator: "\n") + "\n")
    }
}

/// One thing that a probe looks at.
private struct ProbeCheck {
    let name: String
    /// For people; nil if all is well.
    let problem: String?

    init(_ name: String, problem: String?) {
        self.name = name
        self.problem = problem
    }
}
