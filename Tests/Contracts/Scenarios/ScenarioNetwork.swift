// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// From one server to another, one way.
struct ScenarioLink: Hashable, Sendable {
    var from: ServerID
    var to: ServerID
}

/// Something on its way.
struct ScenarioPacket: Sendable {
    enum Content: Sendable {
        case message(Message)
        /// A snapshot's stream begins.
        case offer(SnapshotOffer)
        /// Its bytes, to a receiver that wanted them; `state` is what they are made of.
        case snapshot(SnapshotOffer, state: [String])
    }

    var link: ScenarioLink
    var content: Content
    /// When it arrives while time runs.
    var due: Duration
    /// The life of the receiver that wants a snapshot's bytes: a connection ends with it.
    var life = 0
    /// Cut off; a stream's ends are told when its turn comes.
    var isLost = false

    /// What selects it in `deliver`, `drop` and the like.
    var kind: String {
        switch content {
        case .offer: "snapshot"
        case .snapshot: "content"
        case .message(let message): message.scenarioKind
        }
    }
}

extension Message {
    var scenarioKind: String {
        switch self {
        case .voteRequest(let request): request.isPreVote ? "pre-vote" : "vote"
        case .voteResponse(let answer): answer.isPreVote ? "pre-vote-answer" : "vote-answer"
        case .appendRequest: "append"
        case .appendResponse: "append-answer"
        case .timeoutNow: "timeout-now"
        case .readRequest: "read"
        case .readResponse: "read-answer"
        case .snapshotResponse: "snapshot-answer"
        }
    }
}

/// Which packets a line means: `A->B append last`.
struct ScenarioSelection: Sendable {
    static let kinds = [
        "pre-vote", "vote", "pre-vote-answer", "vote-answer", "append", "append-answer",
        "timeout-now", "snapshot", "content", "snapshot-answer", "read", "read-answer",
    ]

    enum Part: Equatable, Sendable {
        case all, first, last
        case number(Int)
    }

    var from: ServerID?
    var to: ServerID?
    var kind: String?
    var part = Part.all

    init(_ words: inout ScenarioWords, upToSign: Bool = false) throws(ScenarioProblem) {
        if let word = words.next, word.contains("->") {
            (from, to) = try Self.ends(try words.word("a link"), words)
        }
        if let word = words.next, Self.kinds.contains(word) { kind = try words.word("a kind") }
        guard let word = words.next, !upToSign else { return }
        switch word {
        case "first": part = .first
        case "last": part = .last
        default:
            guard let number = Int(word), number > 0 else {
                throw words.wrong(
                    "\"\(word)\" selects nothing; kinds are \(Self.kinds.joined(separator: ", "))")
            }
            part = .number(number)
        }
        _ = try words.word("a part")
    }

    /// `A->B`, `A->`, `->B`.
    static func ends(
        _ text: String, _ words: ScenarioWords
    ) throws(ScenarioProblem) -> (ServerID?, ServerID?) {
        guard let arrow = text.firstIndex(of: ">"), arrow > text.startIndex,
            text[text.index(before: arrow)] == "-"
        else { throw words.wrong("\"\(text)\" is no link") }
        let from = text[..<text.index(before: arrow)]
        let to = text[text.index(after: arrow)...]
        return (
            from.isEmpty ? nil : try words.id(from), to.isEmpty ? nil : try words.id(to)
        )
    }

    func includes(_ packet: ScenarioPacket) -> Bool {
        (from == nil || packet.link.from == from) && (to == nil || packet.link.to == to)
            && (kind == nil || packet.kind == kind)
    }

    /// The positions that are meant, in the order of sending.
    func positions(in network: [ScenarioPacket]) -> [Int] {
        let all = network.indices.filter { includes(network[$0]) }
        switch part {
        case .all: return all
        case .first: return Array(all.prefix(1))
        case .last: return Array(all.suffix(1))
        case .number(let number): return all.count < number ? [] : [all[number - 1]]
        }
    }
}
