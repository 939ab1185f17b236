// SPDX-License-Identifier: Apache-2.0

/// What servers send each other: everything but an exchange fits a datagram. Who sends it comes
/// first; a probe and its answer introduce their sender in full, so that whoever is probed knows
/// the newest of who asks.
struct Message: Equatable, Sendable {
    static let version: UInt8 = 1

    enum Body: Equatable, Sendable {
        case ping(sequence: UInt64, target: NodeID)
        /// The sender answers, or it passes on an answer that it was asked to get.
        case ack(sequence: UInt64)
        /// Ping the target for me, and pass on its answer or say that there is none.
        case pingRequest(sequence: UInt64, target: NodeID)
        case nack(sequence: UInt64)
        case news
        case exchange([ExchangedMember])
        case exchangeAnswer([ExchangedMember])
    }

    enum Sender: Equatable, Sendable {
        case introduced(NodeRecord)
        case named(NodeID, incarnation: UInt64)

        var id: NodeID {
            switch self {
            case .introduced(let record): record.id
            case .named(let id, _): id
            }
        }
    }

    let sender: Sender
    let standing: Standing
    let body: Body
    /// None in a nack and in exchanges.
    let claims: [Claim]
}
