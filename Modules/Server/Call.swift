// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletState

/// A request with its query understood.
struct Call {
    let request: APIRequest
    let endpoint: Endpoint
    let query: Query
    /// Answer from what this server has, however old.
    let isStale: Bool
    let isPretty: Bool
    /// How long it may wait for a leader.
    let hold: Duration
    /// What it wants, read once by ``Server/validate(_:)``.
    var wish = Wish.answer

    enum Wish {
        /// To be told something.
        case answer
        case command(Command)
        case peer(PeerSelector)
    }

    /// - Throws: ``APIError`` 400 for a parameter that cannot be read.
    init(
        _ request: APIRequest, _ endpoint: Endpoint, limits: HTTPServiceLimits,
        default hold: Duration
    ) throws(APIError) {
        self.request = request
        self.endpoint = endpoint
        let query = request.query
        self.query = query
        isStale = try Self.flag("stale", in: query)
        isPretty = query.contains("pretty") && query.first("pretty") != "0"
        guard let text = query.first("wait_for_leader") else {
            self.hold = hold
            return
        }
        do {
            self.hold = min(
                max(.zero, try GoDuration(parsing: text).duration), limits.leaderHoldMax)
        } catch {
            throw APIError(status: 400, message: "Invalid wait_for_leader: \(error)")
        }
    }

    /// Absent, `false` and `0` are no; empty, `true` and `1` are yes, in any case of letters.
    private static func flag(_ name: String, in query: Query) throws(APIError) -> Bool {
        guard let text = query.first(name) else { return false }
        switch text.lowercased() {
        case "", "1", "true", "t": return true
        case "0", "false", "f": return false
        default:
            throw APIError(
                status: 400,
                message: "Failed to parse value of \"\(name)\" (\"\(text.prefix(64))\") as a bool")
        }
    }

    /// Repeating it changes nothing.
    var isRead: Bool {
        switch endpoint {
        case .removePeer, .transferLeadership, .setAutopilotConfiguration,
            .setSchedulerConfiguration:
            false
        case .raftConfiguration, .autopilotConfiguration, .autopilotHealth,
            .schedulerConfiguration, .statusLeader, .statusPeers, .regions, .agentSelf,
            .agentMembers, .agentHealth, .metrics:
            true
        }
    }

    /// Answered from the replicated state, which every server has; linearizable once its leader has
    /// named a read index.
    var isAnsweredFromState: Bool {
        switch endpoint {
        case .raftConfiguration, .autopilotConfiguration, .schedulerConfiguration:
            true
        case .removePeer, .transferLeadership, .setAutopilotConfiguration,
            .setSchedulerConfiguration, .autopilotHealth, .statusLeader, .statusPeers, .regions,
            .agentSelf, .agentMembers, .agentHealth, .metrics:
            false
        }
    }

    /// Any server may answer, provided that it knows a leader.
    var isAnsweredByAnyServerWithLeader: Bool {
        endpoint == .statusLeader || endpoint == .statusPeers
    }
}
