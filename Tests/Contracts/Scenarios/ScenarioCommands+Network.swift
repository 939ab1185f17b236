// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension ScenarioWorld {
    /// `deliver`, `drop`, `duplicate`, `reverse`: at least one packet must be meant.
    mutating func select(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let selection = try ScenarioSelection(&words)
        let positions = selection.positions(in: network)
        guard !positions.isEmpty else {
            throw ScenarioProblem("nothing of that kind is on its way: \(waitingText)")
        }
        switch words.verb {
        case .deliver:
            // What is delivered may be answered, and answers go to the end.
            for (gone, position) in positions.enumerated() { deliver(position - gone) }
        case .drop:
            let lost = positions.map { network[$0] }
            for position in positions.reversed() { network.remove(at: position) }
            for packet in lost { lose(packet) }
        case .duplicate:
            for position in positions.reversed() {
                network.insert(network[position], at: position + 1)
            }
        default:
            let packets = positions.map { network[$0] }
            for (position, packet) in zip(positions, packets.reversed()) {
                network[position] = packet
            }
        }
    }

    private var waitingText: String {
        network.isEmpty
            ? "nothing is"
            : network.map {
                "\($0.link.from.scenarioName)->\($0.link.to.scenarioName) \($0.kind)"
            }.joined(separator: ", ")
    }

    /// `hold`, `release`, `cut`, `heal`.
    mutating func link(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        if words.isEmpty, words.verb == .heal {
            cut = []
            return
        }
        let verb = words.verb
        var links: [ScenarioLink] = []
        repeat { links += try self.links(try words.word("a link"), words) } while !words.isEmpty
        switch verb {
        case .hold: held.formUnion(links)
        case .release: held.subtract(links)
        case .cut: cut.formUnion(links)
        default: cut.subtract(links)
        }
    }

    /// `A->B`, `A->`, `->B`; `A` is every link of A.
    private func links(
        _ word: String, _ words: ScenarioWords
    ) throws(ScenarioProblem) -> [ScenarioLink] {
        let ids = members.map(\.id)
        guard word.contains("->") else {
            let id = members[try known(try words.id(word))].id
            return ids.flatMap { other in
                other == id
                    ? [] : [ScenarioLink(from: id, to: other), ScenarioLink(from: other, to: id)]
            }
        }
        let (from, to) = try ScenarioSelection.ends(word, words)
        return (from.map { [$0] } ?? ids).flatMap { sender in
            (to.map { [$0] } ?? ids).filter { $0 != sender }.map {
                ScenarioLink(from: sender, to: $0)
            }
        }
    }

    // MARK: - Made-up messages

    /// Gives a server a message that nobody sent: late, hostile or from an older version.
    mutating func inject(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let (from, to) = try ScenarioSelection.ends(try words.word("a link"), words)
        guard let from, let to else { throw words.wrong("both ends are needed") }
        let position = try known(to)
        let receiver = try core(position)
        if words.next == "snapshot" {
            _ = try words.word("a kind")
            input(.snapshotOffered(try offer(&words, receiver), from: from), to: position)
        } else {
            input(.received(try message(&words, receiver), from: from), to: position)
        }
    }

    private func offer(
        _ words: inout ScenarioWords, _ receiver: RaftCore
    ) throws(ScenarioProblem) -> SnapshotOffer {
        let (index, term) = try words.position("last") ?? (LogIndex(9), receiver.term)
        return SnapshotOffer(
            term: Term(try words.number("term") ?? receiver.term.number),
            metadata: SnapshotMetadata(
                lastIndex: index, lastTerm: term, configuration: founders,
                configurationIndex: LogIndex(1), sizeBytes: 1, checksum: 1),
            session: LogIndex(try words.number("session") ?? 1))
    }

    /// The term is the receiver's unless `term=` says another.
    private func message(
        _ words: inout ScenarioWords, _ receiver: RaftCore
    ) throws(ScenarioProblem) -> Message {
        let kind = try words.word("a kind")
        let term = Term(try words.number("term") ?? receiver.term.number)
        switch kind {
        case "pre-vote", "vote":
            let (index, lastTerm) =
                try words.position("last") ?? (receiver.lastIndex, receiver.lastTerm)
            return .voteRequest(
                VoteRequest(
                    term: term, isPreVote: kind == "pre-vote", lastLogIndex: index,
                    lastLogTerm: lastTerm, isTransfer: words.option("transfer") == "yes"))
        case "pre-vote-answer", "vote-answer":
            return .voteResponse(
                VoteResponse(
                    term: term, isPreVote: kind == "pre-vote-answer",
                    isGranted: words.option("granted") == "yes"))
        case "append": return .appendRequest(try append(&words, term))
        case "append-answer": return .appendResponse(try answer(&words, term, receiver))
        case "timeout-now": return .timeoutNow(TimeoutNow(term: term))
        default: throw words.wrong("\"\(kind)\" is no kind of message")
        }
    }

    private func append(
        _ words: inout ScenarioWords, _ term: Term
    ) throws(ScenarioProblem) -> AppendRequest {
        let (index, previousTerm) = try words.position("after") ?? (.zero, .zero)
        let first = try words.number("first") ?? index.number + 1
        let entries = (try words.terms("entries") ?? []).enumerated().map {
            made(at: LogIndex(first + UInt64($0.offset)), term: Term($0.element))
        }
        return AppendRequest(
            term: term, previousIndex: index, previousTerm: previousTerm, entries: entries,
            commit: LogIndex(try words.number("commit") ?? 0),
            round: try words.number("round") ?? 0,
            session: LogIndex(try words.number("session") ?? 1))
    }

    private func answer(
        _ words: inout ScenarioWords, _ term: Term, _ receiver: RaftCore
    ) throws(ScenarioProblem) -> AppendResponse {
        let match = LogIndex(try words.number("match") ?? 0)
        let round = try words.number("round") ?? 0
        let session = LogIndex(try words.number("session") ?? 1)
        var outcome = AppendResponse.Outcome.accepted(match: match)
        if let previous = try words.number("rejected") {
            let (hint, hintTerm) = try words.position("hint") ?? (.zero, .zero)
            outcome = .rejected(
                previousIndex: LogIndex(previous), hintIndex: hint, hintTerm: hintTerm)
        }
        let (last, lastTerm) =
            try words.position("last") ?? (match, receiver.term(at: match) ?? .zero)
        return AppendResponse(
            term: term, outcome: outcome, round: round, session: session, lastIndex: last,
            lastTerm: lastTerm)
    }
}
