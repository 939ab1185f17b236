// SPDX-License-Identifier: Apache-2.0

/// What a core knows, as words: two cores of the same id, timing and limits with equal words answer
/// equal inputs equally, for as long as no instant is passed and no draw of chance is compared.
///
/// Left out are instants and the generator. For each instant stands what the algorithm would conclude
/// from it at this moment (a leader was heard within the timeout, a deadline is due). Sequence numbers
/// of writes count from the newest durable one. So the words of a core that runs for long can come
/// back, and a search over all that can happen comes to an end (docs/internals/raft.md, "Search").
///
/// Every list is preceded by its length and every optional by whether it is there: different states
/// have different words. Not a format: nothing that is stored or sent depends on it.
package struct LogicalState: Hashable, Sendable {
    package private(set) var words: [UInt64] = []

    package init() {}

    package mutating func add(_ number: UInt64) { words.append(number) }
    package mutating func add(_ number: Int) { words.append(UInt64(bitPattern: Int64(number))) }
    package mutating func add(_ fact: Bool) { words.append(fact ? 1 : 0) }
    package mutating func add(_ index: LogIndex) { words.append(index.number) }
    package mutating func add(_ term: Term) { words.append(term.number) }

    package mutating func add(_ span: Duration) {
        words.append(UInt64(bitPattern: span.components.seconds))
        words.append(UInt64(bitPattern: span.components.attoseconds))
    }

    package mutating func add(_ id: ServerID) {
        words.append(id.high)
        words.append(id.low)
    }

    package mutating func add(_ bytes: [UInt8]) {
        add(bytes.count)
        for byte in bytes { words.append(UInt64(byte)) }
    }

    /// In the order of the list.
    package mutating func add<Element>(
        _ list: [Element], each: (inout LogicalState, Element) -> Void
    ) {
        add(list.count)
        for element in list { each(&self, element) }
    }

    package mutating func add<Value>(
        optional value: Value?, some: (inout LogicalState, Value) -> Void
    ) {
        add(value != nil)
        if let value { some(&self, value) }
    }

    package mutating func add(_ state: HardState) {
        add(state.term)
        add(optional: state.vote) { $0.add($1) }
    }

    package mutating func add(_ entry: Entry) {
        add(entry.index)
        add(entry.term)
        add(UInt64(entry.kind.rawValue))
        add(entry.payload)
    }

    package mutating func add(_ metadata: SnapshotMetadata) {
        add(metadata.lastIndex)
        add(metadata.lastTerm)
        add(metadata.configuration.encoded())
        add(metadata.configurationIndex)
        add(metadata.sizeBytes)
        add(UInt64(metadata.checksum))
    }

    package mutating func add(_ message: Message) {
        switch message {
        case .voteRequest(let request): add(0, request)
        case .voteResponse(let response): add(1, response)
        case .appendRequest(let request): add(2, request)
        case .appendResponse(let response): add(3, response)
        case .timeoutNow(let request):
            add(4)
            add(request.term)
        case .snapshotResponse(let response): add(5, response)
        case .readRequest(let request):
            add(6)
            add(request.term)
            add(request.id)
        case .readResponse(let response):
            add(7)
            add(response.term)
            add(response.id)
            add(optional: response.index) { $0.add($1) }
        }
    }

    private mutating func add(_ kind: Int, _ request: VoteRequest) {
        add(kind)
        add(request.term)
        add(request.isPreVote)
        add(request.lastLogIndex)
        add(request.lastLogTerm)
        add(request.isTransfer)
    }

    private mutating func add(_ kind: Int, _ response: VoteResponse) {
        add(kind)
        add(response.term)
        add(response.isPreVote)
        add(response.isGranted)
    }

    private mutating func add(_ kind: Int, _ request: AppendRequest) {
        add(kind)
        add(request.term)
        add(request.previousIndex)
        add(request.previousTerm)
        add(request.entries) { $0.add($1) }
        add(request.commit)
        add(request.round)
        add(request.session)
        add(optional: request.recovered) { $0.add($1) }
    }

    private mutating func add(_ kind: Int, _ response: AppendResponse) {
        add(kind)
        add(response.term)
        switch response.outcome {
        case .accepted(let match):
            add(0)
            add(match)
        case .rejected(let previousIndex, let hintIndex, let hintTerm):
            add(1)
            add(previousIndex)
            add(hintIndex)
            add(hintTerm)
        }
        add(response.round)
        add(response.session)
        add(response.lastIndex)
        add(response.lastTerm)
        add(response.voteHold)
        add(optional: response.recovery) { $0.add($1) }
    }

    private mutating func add(_ kind: Int, _ response: SnapshotResponse) {
        add(kind)
        add(response.term)
        add(response.lastIndex)
        add(response.isInstalled)
        add(response.match)
        add(response.session)
    }
}
