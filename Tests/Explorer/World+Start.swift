// SPDX-License-Identifier: Apache-2.0

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

    /// `server` campaigns, and what it and `others` send to each other is delivered once, until
    /// nothing is left to do: it leads, and its first entry is committed.
    mutating func lead(
        _ server: Int, with others: [Int], in catalog: Catalog, _ histories: inout Histories
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
            var isQuiet = mail.isEmpty
            for server in awake {
                let writes = catalog.facts[Int(nodes[server])].writes
                if writes > 0 {
                    isQuiet = false
                    take(.completeWrites(writes), at: server, in: catalog, &histories)
                }
            }
            if isQuiet { break }
        }
    }
}
