// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// Calls `body` with everything that the scope lets happen to `server`.
func forEachChoice(
    at server: Int, in world: World, of catalog: Catalog, _ body: (Choice) -> Void
) {
    let scope = catalog.scope
    let facts = catalog.facts[Int(world.nodes[server])]
    for message in world.messages where catalog.envelopes[Int(message)].to == server {
        body(.deliver(message: message))
        // Only who has a leader refuses out of loyalty.
        if facts.role == .follower, facts.leader != nil,
            case .voteRequest = catalog.envelopes[Int(message)].message
        {
            body(.deliverLate(message: message))
        }
    }
    for count in 0..<facts.writes { body(.completeWrites(count + 1)) }
    if world.used.crashes < scope.crashesMax {
        for kept in 0...facts.writes { body(.crash(kept: kept)) }
    }
    if facts.role == .leader {
        leaderChoices(in: world, scope, body)
    } else {
        if facts.leader != nil, world.used.reads < scope.readsMax { body(.read(world.used.reads)) }
        if facts.term < scope.termMax { campaigns(of: server, scope, body) }
    }
    if world.used.resets < scope.resetsMax {
        if facts.role == .leader {
            for peer in 0..<Scope.servers where peer != server { body(.loseTouch(with: peer)) }
        } else if facts.leader != nil {
            body(.loseLeader)
        }
    }
}

private func leaderChoices(in world: World, _ scope: Scope, _ body: (Choice) -> Void) {
    let used = world.used
    body(.isolate)
    if used.proposals < scope.proposalsMax { body(.propose(used.proposals)) }
    if used.reads < scope.readsMax { body(.read(used.reads)) }
    if used.heartbeats < scope.heartbeatsMax {
        body(.heartbeat)
        if used.transfers > 0 { body(.lateHeartbeat) }
    }
    if used.transfers < scope.transfersMax {
        for target in 0..<Scope.servers { body(.transfer(to: target)) }
    }
    for number in scope.changes.indices where used.changes >> UInt8(number) & 1 == 0 {
        body(.change(number))
    }
}

private func campaigns(of server: Int, _ scope: Scope, _ body: (Choice) -> Void) {
    switch scope.preVotes {
    case .stepByStep:
        body(.campaign(partner: 0))
    case .atOnce:
        for partner in 0..<Scope.servers where partner != server {
            body(.campaign(partner: partner + 1))
        }
    }
}
