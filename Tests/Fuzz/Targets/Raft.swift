// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletServer

extension FuzzTarget {
    static let raft = [raftCore]

    /// Members of a cluster say what they like to one of it, and it takes no harm: it does not trap,
    /// and neither term nor commit index goes back. What they can make it believe is another matter:
    /// Raft trusts its members (docs/operating/security.md).
    ///
    /// An input is one byte for the role to start in, then one message after another: one byte for who
    /// sends it or what else happens, two for its length.
    private static let raftCore = FuzzTarget(
        "raft-core", "messages to a leader or a follower", bytesMax: 2048
    ) { input throws(Finding) in
        guard let first = input.first else { return 0 }
        var subject = first & 1 == 0 ? RaftSubject.follower : RaftSubject.leader
        var rest = input.dropFirst()
        var steps = 0
        while rest.count >= 3, steps < 16 {
            let how = rest[rest.startIndex]
            let length = Int(rest[rest.startIndex + 1]) | Int(rest[rest.startIndex + 2]) << 8
            let bytes = Array(rest.dropFirst(3).prefix(length))
            rest = rest.dropFirst(3 + bytes.count)
            steps += 1
            let (term, commit) = (subject.core.term, subject.core.commitIndex)
            subject.take(how, bytes)
            try demand(subject.core.term >= term, "its term went back")
            try demand(subject.core.commitIndex >= commit, "its commit index went back")
            try demand(subject.core.commitIndex <= subject.core.lastIndex, "it commits the future")
        }
        return subject.features
    }
}

/// Server 1 of three.
private struct RaftSubject {
    var core: RaftCore
    private var now = Duration.zero
    private var written = WriteSequence(0)
    private(set) var features: UInt64 = 0

    static let follower = RaftSubject()
    static let leader = led()

    private static func id(_ number: UInt64) -> ServerID { ServerID(high: 0, low: number) }

    private init() {
        let configuration = Configuration(
            servers: (1...3).map { .init(id: Self.id($0), address: "a", role: .voter) })
        let founding = Entry(
            index: LogIndex(1), term: Term(1), kind: .configuration,
            payload: configuration.encoded())
        let commands = (2...5).map { number in
            Entry(index: LogIndex(number), term: Term(1), kind: .command, payload: [1, 6])
        }
        core = RaftCore(
            id: Self.id(1), timing: .scaled(by: 1), limits: Limits(), seed: 1,
            restored: Restored(
                hardState: HardState(term: Term(1), vote: nil), snapshot: nil,
                entries: [founding] + commands, previousIndex: .zero, previousTerm: .zero,
                commitHint: LogIndex(3)), at: .zero)
    }

    private static func led() -> RaftSubject {
        var subject = RaftSubject()
        subject.step(.campaignRequested)
        for isPreVote in [true, false] {
            let granted = VoteResponse(term: Term(2), isPreVote: isPreVote, isGranted: true)
            subject.step(.received(.voteResponse(granted), from: id(2)))
            subject.step(.persisted(through: subject.written))
            subject.step(.received(.voteResponse(granted), from: id(2)))
        }
        precondition(subject.core.status.role == .leader, "it was not elected")
        return subject
    }

    mutating func take(_ how: UInt8, _ bytes: [UInt8]) {
        switch how & 15 {
        case 0: step(.persisted(through: written))
        case 1:
            now = max(now, core.deadline ?? now)
            step(.ticked)
        case 2: step(.proposed([bytes]))
        case 3: step(.connectionLost(Self.id(UInt64(how >> 4) & 3)))
        case 4: step(.readRequestedHere(id: UInt64(how)))
        case 5: step(.transferRequested(to: Self.id(UInt64(how >> 4) & 3)))
        default:
            guard let message = Reencoding.raftMessage(bytes) else { return }
            step(.received(message, from: Self.id(UInt64(how >> 4) & 3 + 1)))
        }
    }

    private mutating func step(_ input: Input) {
        var effects: [Effect] = []
        core.step(input, at: now, into: &effects)
        core.checkInvariants()
        var hash = FNV()
        hash.mix(features)
        for effect in effects {
            if case .persist(let write) = effect { written = write.sequence }
            hash.mix(Self.kind(of: effect))
        }
        hash.mix(core.status.role == .leader ? 1 : 0)
        features = hash.value
    }

    private static func kind(of effect: Effect) -> UInt64 {
        switch effect {
        case .persist: 1
        case .send(let message, _): message.isRequest ? 2 : 3
        case .committed(let entries): 4 + UInt64(min(entries.count, 3)) << 8
        case .proposed: 5
        case .changeDecided: 6
        case .readDecided: 7
        case .transferDecided: 8
        case .statusChanged(let status): 9 + (status.leader == nil ? 0 : 256)
        case .configurationChanged: 10
        case .compact: 11
        case .sendSnapshot: 12
        case .snapshotDecided: 13
        case .restore: 14
        case .recovered: 15
        case .observed: 16
        }
    }
}

extension Message {
    fileprivate var isRequest: Bool {
        switch self {
        case .voteRequest, .appendRequest, .timeoutNow, .readRequest: true
        case .voteResponse, .appendResponse, .snapshotResponse, .readResponse: false
        }
    }
}
