// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension World {
    /// Goes one step on, whatever the checks say.
    mutating func take(
        _ choice: Choice, at server: Int, in catalog: Catalog, _ histories: inout Histories
    ) {
        var successor = Successor(from: self, in: catalog)
        _ = successor.take(choice, at: server, &histories)
        self = successor.world
        messages = (messages + successor.added).sorted()
    }

    /// Brings the world to where the scope begins.
    mutating func begin(_ scope: Scope, in catalog: Catalog, _ histories: inout Histories) {
        guard scope.start != .founded else { return }
        lead(0, with: [1, 2], in: catalog, &histories)
        switch scope.start {
        case .founded, .led: break
        case .deposed: lead(1, with: [2], in: catalog, &histories)
        case .forked:
            take(.propose(0), at: 0, in: catalog, &histories)
            completeWrites(at: [0], in: catalog, &histories)
            lead(2, with: [1], isCommitting: false, in: catalog, &histories)
            messages = []
            take(.heartbeat, at: 2, in: catalog, &histories)
            for message in messages where catalog.envelopes[Int(message)].to == 0 {
                take(.deliver(message: message), at: 0, in: catalog, &histories)
            }
            completeWrites(at: [0], in: catalog, &histories)
            messages = []
            lead(0, with: [1], isCommitting: false, in: catalog, &histories)
        }
        if !scope.isOldMailKept { messages = [] }
        used.heartbeats = 0
    }

    /// `server` campaigns, and what it and `others` send to each other is delivered once, until
    /// nothing is left to do: it leads, and its first entry is committed. Or only until it leads.
    private mutating func lead(
        _ server: Int, with others: [Int], isCommitting: Bool = true, in catalog: Catalog,
        _ histories: inout Histories
    ) {
        let awake = [server] + others
        var seen = catalog.envelopes.count
        take(.campaign(partner: others[0] + 1), at: server, in: catalog, &histories)
        while true {
            let sent = UInt16(seen)..<UInt16(catalog.envelopes.count)
            seen = catalog.envelopes.count
            let mail = sent.filter { message in
                contains(message) && awake.contains(catalog.envelopes[Int(message)].to)
            }
            for message in mail {
                let receiver = catalog.envelopes[Int(message)].to
                take(.deliverLate(message: message), at: receiver, in: catalog, &histories)
            }
            let hasWritten = completeWrites(at: awake, in: catalog, &histories)
            if mail.isEmpty, !hasWritten { break }
            if !isCommitting, catalog.facts[Int(nodes[server])].role == .leader { break }
        }
    }

    /// False if there were none.
    @discardableResult
    private mutating func completeWrites(
        at servers: [Int], in catalog: Catalog, _ histories: inout Histories
    ) -> Bool {
        var hasWritten = false
        for server in servers {
            let writes = catalog.facts[Int(nodes[server])].writes
            guard writes > 0 else { continue }
            hasWritten = true
            take(.completeWrites(writes), at: server, in: catalog, &histories)
        }
        return hasWritten
    }
}
