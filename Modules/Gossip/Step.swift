// SPDX-License-Identifier: Apache-2.0

/// What happened. The shell gives each to ``Gossip/step(_:at:into:)`` as it comes.
package enum GossipInput: Sendable, Equatable {
    /// Time passed: ``Gossip/nextDeadline`` came.
    case tick
    /// A datagram, opened; `from` is the address that it came from, and where an answer goes.
    case packet([UInt8], from: String)
    /// Somebody at this address is to be asked to let this server in. Repeating it is the shell's.
    case joinRequested(address: String)
    /// The first and only message of somebody's stream. In the same step the core answers it with
    /// ``GossipEffect/answerExchange(token:bytes:)``, or refuses it: then the shell closes the
    /// stream. A token is never used twice while a stream is open.
    case exchangeReceived(token: UInt64, bytes: [UInt8])
    /// The answer to ``GossipEffect/exchange(bytes:with:)``.
    case exchangeAnswered(address: String, bytes: [UInt8])
    /// No connection, an end without an answer, or 10 s without one.
    case exchangeFailed(address: String)
    /// The stream of ``GossipEffect/streamPing(sequence:to:bytes:)`` brought any answer at all: only
    /// the server that was meant gives one. A late one does no harm; of a failure nothing is told.
    case streamPingAnswered(sequence: UInt64)
    /// This server has a new address or new facts to tell. It gets a new incarnation.
    case ownChanged(address: String, payload: [UInt8])
    /// This server wants to leave; ``GossipEffect/leaveFinished`` says when it has.
    case leaveRequested
    /// An operator says that a server is gone for good: failed becomes left; with `prune` it is
    /// erased everywhere. One that is alive contradicts and stays. Of an unknown id, or the own, it
    /// is nothing.
    case forceLeaveRequested(id: NodeID, prune: Bool)
}

/// What to do, in this order. A step's effects never wait for each other.
package enum GossipEffect: Sendable, Equatable {
    /// A datagram of at most ``Gossip/packetBytesMax`` bytes, in plain; the shell seals it. It may
    /// get lost.
    case send(bytes: [UInt8], to: String)
    /// Open a stream, send this, and wait for one answer:
    /// ``GossipInput/exchangeAnswered(address:bytes:)`` or ``GossipInput/exchangeFailed(address:)``.
    case exchange(bytes: [UInt8], with: String)
    /// Answer somebody's stream, and close it. At most ``Gossip/exchangeBytesMax`` bytes.
    case answerExchange(token: UInt64, bytes: [UInt8])
    /// Open a stream, send this as an exchange is sent (who gets it sees
    /// ``GossipInput/exchangeReceived(token:bytes:)``), and report an answer with
    /// ``GossipInput/streamPingAnswered(sequence:)``.
    case streamPing(sequence: UInt64, to: String, bytes: [UInt8])
    /// Somebody is new, or has another record or status: ``Gossip/subscript(_:)`` has it. Once for
    /// each id of a step.
    case changed(NodeID)
    /// Somebody is no longer a member: reaped, pruned, displaced, or no longer admitted.
    case forgotten(NodeID)
    /// Another process uses this server's id; this is what it says of itself. An operator's matter.
    case conflict(NodeRecord)
    /// Something was not taken. For the shell to count; `from` is empty where it came by a stream
    /// whose sender cannot be told.
    case refused(GossipRefusal, from: String)
    /// The others know that this server left, or had their time to; from here on it is silent.
    case leaveFinished
}

/// Why something was not taken.
package enum GossipRefusal: Error, Sendable, Hashable, CaseIterable {
    /// Longer than any message is.
    case oversized
    /// Of a version that this server does not speak.
    case version
    /// Cut short, too long, with an absurd field, or of a kind that does not belong here.
    case malformed
    /// It comes from a server that `admits` turns down, or tells of one.
    case notAdmitted
    /// It names its sender only, and that is unknown here.
    case unknownSender
    /// It was meant for another server, which had this address.
    case misdirected
    /// It comes from this server itself.
    case own
    /// There is no room for another member.
    case full
    /// This server has left.
    case left
}
