// SPDX-License-Identifier: Apache-2.0

/// The three servers, every message that was ever sent, what may still happen, and what the checks
/// have to remember. All of it by numbers of the ``Catalog``.
///
/// Packed, in words of 16 bits:
///
/// | offset | width | meaning                                                     |
/// |--------|-------|-------------------------------------------------------------|
/// | 0      | 2 × 3 | server states                                               |
/// | 6      | 4     | what was used up: see ``Used``                              |
/// | 10     | 1     | who led each term: two bits from term 1, 0 for nobody       |
/// | 11     | 1     | the required index of each read plus 1; 15 once answered    |
/// | 12     | 1     | history of commits                                          |
/// | 13     | n     | messages, sorted                                            |
struct World {
    struct Used: Equatable {
        var proposals: UInt8 = 0
        var reads: UInt8 = 0
        var crashes: UInt8 = 0
        var heartbeats: UInt8 = 0
        var transfers: UInt8 = 0
        var resets: UInt8 = 0
        /// One bit for each change of the scope.
        var changes: UInt8 = 0
    }

    static let headWords = 13
    static let readAnswered: UInt16 = 15

    var nodes: [3 of UInt32]
    var used = Used()
    var leaders: UInt16 = 0
    var reads: UInt16 = 0
    var history: UInt16 = 0
    var messages: [UInt16] = []

    func leader(of term: UInt64) -> Int? {
        let bits = leaders >> (2 * (term - 1)) & 3
        return bits == 0 ? nil : Int(bits) - 1
    }

    mutating func setLeader(of term: UInt64, to server: Int) {
        leaders |= UInt16(server + 1) << (2 * (term - 1))
    }

    func read(_ number: UInt64) -> UInt16 { reads >> (4 * number) & 15 }

    mutating func setRead(_ number: UInt64, to value: UInt16) {
        reads = reads & ~(15 << (4 * number)) | value << (4 * number)
    }

    func contains(_ message: UInt16) -> Bool {
        var low = 0
        var high = messages.count
        while low < high {
            let middle = (low + high) / 2
            if messages[middle] < message { low = middle + 1 } else { high = middle }
        }
        return low < messages.count && messages[low] == message
    }

    /// Appends the packed form, with `added` (sorted, and not in `messages`) among the messages.
    func pack(adding added: [UInt16], into words: inout [UInt16]) {
        for server in 0..<3 {
            words.append(UInt16(truncatingIfNeeded: nodes[server]))
            words.append(UInt16(truncatingIfNeeded: nodes[server] >> 16))
        }
        words.append(UInt16(used.proposals) << 8 | UInt16(used.reads))
        words.append(UInt16(used.crashes) << 8 | UInt16(used.heartbeats))
        words.append(UInt16(used.transfers) << 8 | UInt16(used.resets))
        words.append(UInt16(used.changes))
        words.append(leaders)
        words.append(reads)
        words.append(history)
        var next = 0
        for message in messages {
            while next < added.count, added[next] < message {
                words.append(added[next])
                next += 1
            }
            words.append(message)
        }
        while next < added.count {
            words.append(added[next])
            next += 1
        }
    }

    /// Reads the packed form of `length` words at `start`.
    init(packed words: [UInt16], at start: Int, length: Int) {
        func node(_ server: Int) -> UInt32 {
            UInt32(words[start + 2 * server]) | UInt32(words[start + 2 * server + 1]) << 16
        }
        func pair(_ offset: Int) -> (high: UInt8, low: UInt8) {
            let word = words[start + offset]
            return (UInt8(word >> 8), UInt8(truncatingIfNeeded: word))
        }
        nodes = [node(0), node(1), node(2)]
        (used.proposals, used.reads) = pair(6)
        (used.crashes, used.heartbeats) = pair(7)
        (used.transfers, used.resets) = pair(8)
        used.changes = pair(9).low
        leaders = words[start + 10]
        reads = words[start + 11]
        history = words[start + 12]
        messages = Array(words[(start + Self.headWords)..<(start + length)])
    }

    init(nodes: [3 of UInt32]) { self.nodes = nodes }
}
