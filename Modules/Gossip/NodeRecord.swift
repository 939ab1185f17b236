// SPDX-License-Identifier: Apache-2.0

/// Who a server is, for good: 128 random bits made on its first start. Ordered as written.
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (left: NodeID, right: NodeID) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }

    package var description: String {
        "\(String(high, radix: 16)):\(String(low, radix: 16))"
    }
}

/// What a server says of itself. Only itself makes one: others pass it on as it is.
package struct NodeRecord: Hashable, Sendable {
    /// The longest address, in bytes: an IPv6 address in brackets with a zone and a port.
    package static let addressBytesMax = 64
    /// The longest payload.
    package static let payloadBytesMax = 1_024
    /// Where the counter ends. A server whose incarnation has come so far, which only a forger
    /// brings about, is judged by what is heard from itself (docs/internals/gossip.md).
    package static let incarnationMax = UInt64.max

    package let id: NodeID
    /// `ip:port` of its gossip port, UDP and TCP.
    package var address: String
    /// The server's own clock, which orders all that is said of it: each start of the process
    /// begins above the last one's, and each change and refutation raises it.
    package var incarnation: UInt64
    /// Opaque here: the shell's encoding of name, region, versions and so on.
    package var payload: [UInt8]

    package init(id: NodeID, address: String, incarnation: UInt64, payload: [UInt8]) {
        self.id = id
        self.address = address
        self.incarnation = incarnation
        self.payload = payload
    }

    /// Most records that are compared are equal, and most of a record is its payload.
    package static func == (left: NodeRecord, right: NodeRecord) -> Bool {
        left.id == right.id && left.incarnation == right.incarnation
            && left.address == right.address && areEqual(left.payload, right.payload)
    }

    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        let (left, right) = (left.span, right.span)
        var difference: UInt8 = 0
        for position in left.indices { difference |= left[position] ^ right[position] }
        return difference == 0
    }

    /// Whether others would take it: an address of printable ASCII within its bound, a payload
    /// within its own.
    package var isWellFormed: Bool {
        let text = address.utf8
        return !text.isEmpty && text.count <= Self.addressBytesMax
            && text.allSatisfy { (0x21...0x7E).contains($0) }
            && payload.count <= Self.payloadBytesMax
    }
}
