// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletHTTP
import MartletRaft
import MartletState
import MartletTransport

// What the leader answers of Autopilot, and what every server remembers of it.

extension Server {
    /// What the steward saw last; nil on a server that does not lead.
    private var report: Report? {
        guard let picture = steward.picture else { return nil }
        return Report(picture.view, health: picture.health, plan: picture.plan)
    }

    func health(_ call: Call) -> LeadOutcome {
        guard let picture = steward.picture, let report else { return .notLeader }
        guard !picture.plan.isGated else { return .answered(.text(500, Plan.gateText)) }
        let health = report.operatorHealth
        var response = encode(health, call, freshness: autopilotFreshness)
        response.status = health.isHealthy ? 200 : 429
        return .answered(response)
    }

    func autopilotState(_ call: Call) -> LeadOutcome {
        guard let picture = steward.picture, let report else { return .notLeader }
        var state = report.state
        state.age = GoDuration(max(.zero, loop.now - picture.at))
        return .answered(encode(state, call, freshness: autopilotFreshness))
    }

    func autopilotPlan(_ call: Call) -> LeadOutcome {
        guard case .dryRun(let request) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        guard let picture = steward.picture else { return .notLeader }
        var assumption = Assumption()
        do throws(APIError) {
            assumption.configuration = try request.configuration(
                from: picture.view.configuration)
            assumption.leaving = try request.leaving.map { name throws(APIError) in
                try serverID(called: name, in: picture.view)
            }
            assumption.failed = try request.failed.map { name throws(APIError) in
                try serverID(called: name, in: picture.view)
            }
        } catch {
            return .answered(.text(error.status, error.message))
        }
        let run = Planner.dryRun(
            picture.view, tracker: steward.tracker, assuming: assumption, at: loop.now,
            wallClockNanoseconds: loop.wallClockNanoseconds)
        return .answered(encode(run.answer, call, freshness: autopilotFreshness))
    }

    /// - Throws: 404 for a server that the configuration does not have.
    private func serverID(
        called name: String, in view: ClusterView
    ) throws(APIError) -> String {
        let found = view.servers.first {
            $0.id == name || $0.name == name || $0.address == name
                || $0.name == "\(name).\(options.region)"
        }
        guard let found else {
            throw APIError(
                status: 404,
                message: "server \"\(name.prefix(256))\" was not found in the Raft configuration")
        }
        return found.id
    }

    private var autopilotFreshness: APIResponse.Freshness {
        freshness(index: replica.outlook.configurationIndex.number, isLeader: true)
    }

    // MARK: History

    func history(_ call: Call, isLeader: Bool) -> APIResponse {
        guard case .history(let filter) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        let index = replica.state.index(of: .history)
        return encode(
            RaftHistoryResponse(replica.state.history, index: index, filter: filter), call,
            freshness: freshness(index: index, isLeader: isLeader))
    }

    /// What an operator asked for, or a server that leaves asked of its leader. Best effort, as all
    /// of the history.
    func note(
        _ action: HistoryEvent.Action, of target: ServerID, from old: LogIndex, to new: LogIndex,
        _ outcome: String
    ) {
        let status = network.members[target]?.status
        let isFarewell = action == .remove && (status == .leaving || status == .left)
        steward.record(
            HistoryEvent(
                unixNanoseconds: loop.wallClockNanoseconds, action: action,
                actor: isFarewell ? .server : .operator(accessor: ""),
                serverID: target.description, serverName: steward.name(of: target),
                reason: isFarewell ? "it left" : "asked for by an operator",
                oldConfigurationIndex: old.number, newConfigurationIndex: new.number,
                outcome: outcome))
    }
}
