// SPDX-License-Identifier: Apache-2.0

/// One position of the replicated log: what was decided there, and in which term.
public struct Entry: Equatable, Sendable {
    /// What the payload is. The raw value is part of the wire and disk formats.
    public enum Kind: UInt8, Sendable {
        /// Nothing: a leader's first entry, which lets it commit what earlier terms left (Raft §5.4.2).
        case noop = 0
        /// Bytes for the state machine; Raft never looks inside.
        case command = 1
        /// An encoded ``Configuration``; in force from the moment it is in the log (dissertation §4.1).
        case configuration = 2
    }

    /// Its position; the first entry of a log has 1.
    public let index: LogIndex
    /// The term of the leader that appended it.
    public let term: Term
    /// How the payload is to be read.
    public let kind: Kind
    /// Empty for ``Kind/noop``.
    public let payload: [UInt8]

    public init(index: LogIndex, term: Term, kind: Kind, payload: [UInt8]) {
        self.index = index
        self.term = term
        self.kind = kind
        self.payload = payload
    }

    /// Entries that are compared are mostly equal, and byte by byte they would be compared with a
    /// jump for each.
    public static func == (left: Entry, right: Entry) -> Bool {
        guard left.index == right.index, left.term == right.term, left.kind == right.kind,
            left.payload.count == right.payload.count
        else { return false }
        let (one, other) = (left.payload.span, right.payload.span)
        var difference: UInt8 = 0
        for position in one.indices { difference |= one[position] ^ other[position] }
        return difference == 0
    }

    /// What an entry without payload counts for in windows and bounds.
    public static let headerBytes = 32

    /// What this entry counts for in windows and bounds: its payload and a header.
    public var sizeBytes: Int { payload.count + Self.headerBytes }
}

/// What must survive a crash before a server speaks in a term (Raft Figure 2, "persistent state").
public struct HardState: Equatable, Sendable {
    /// The newest term that the server took part in.
    public var term: Term
    /// Whom it voted for in that term; nil if it did not.
    public var vote: ServerID?

    public init(term: Term, vote: ServerID?) {
        self.term = term
        self.vote = vote
    }

    /// A server that never took part in an election.
    public static let initial = HardState(term: .zero, vote: nil)
}

/// What a snapshot of the state machine stands for.
public struct SnapshotMetadata: Equatable, Sendable {
    /// The last entry whose effect is inside, and its term.
    public var lastIndex: LogIndex
    public var lastTerm: Term
    /// The configuration that was in force there, and the entry that made it so.
    public var configuration: Configuration
    public var configurationIndex: LogIndex
    /// Length of the content in bytes, and the CRC-32C of it all.
    public var sizeBytes: UInt64
    public var checksum: UInt32

    public init(
        lastIndex: LogIndex, lastTerm: Term, configuration: Configuration,
        configurationIndex: LogIndex, sizeBytes: UInt64, checksum: UInt32
    ) {
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.configuration = configuration
        self.configurationIndex = configurationIndex
        self.sizeBytes = sizeBytes
        self.checksum = checksum
    }
}
