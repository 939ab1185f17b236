// SPDX-License-Identifier: Apache-2.0
public import MartletRaft

/// The replicated log of one server, with the term and vote that must commit together with it.
///
/// Calls block, and come from one lane at a time, in order, never from the loop. A store owns no
/// thread. It is a class, because the lane that uses it is not where it was made.
public protocol LogStore: AnyObject, Sendable {
    /// What is there, read and verified when the store was opened. Cheap.
    var bounds: LogBounds { get }

    /// Term and vote as last written; `HardState.initial` for a new store.
    func hardState() throws(StoreError) -> HardState

    /// The commit index that the last batch carried, clamped to the last entry. A hint.
    func commitHint() throws(StoreError) -> LogIndex

    /// Makes `batch` durable as one atomic unit, and returns only then: after a crash either all of
    /// it or nothing of it is there. Order inside a batch: hard state, reset, truncation, entries.
    ///
    /// - Throws: ``StoreError/mismatch(_:)`` of a batch that does not fit, whose entries do not follow the last one
    ///   that is left: ``LogBounds/applying(_:)`` says which, and has the bounds that come out. That and
    ///   ``StoreError/full(_:)`` leave the store as it was, and later calls may succeed. After
    ///   ``StoreError/broken(_:)`` the store refuses everything; reopening verifies.
    func commit(_ batch: LogBatch) throws(StoreError)

    /// Entries from `first` on, in order: at most `countMax`, and no more than fit in `bytesMax`
    /// bytes of payload, but at least one if there is one.
    ///
    /// - Throws: ``StoreError/corrupt(_:)`` when a record's checksum does not match, ``StoreError/mismatch(_:)`` when
    ///   entries from `first` on are forgotten: ``LogBounds/checkRead(from:)``.
    func read(from first: LogIndex, countMax: Int, bytesMax: Int) throws(StoreError) -> [Entry]

    /// Forgets entries up to and including `index` of `term`, which a durable snapshot covers. May
    /// work in portions; after a crash in the middle the bounds are true all the same. What is forgotten already is
    /// nothing to do: ``LogBounds/isShortened(byCompactionThrough:)``.
    ///
    /// - Throws: ``StoreError/mismatch(_:)`` when `index` is beyond the last entry, or the entry there is of another
    ///   term; nothing is forgotten then. Else as ``commit(_:)``.
    func compact(through index: LogIndex, term: Term) throws(StoreError)

    /// Releases everything. No call may follow.
    func close()
}

/// Where a log begins and ends.
public struct LogBounds: Equatable, Sendable {
    /// What lies just before the first entry: the last compacted one, or 0, 0.
    public var previousIndex: LogIndex
    public var previousTerm: Term
    /// The last entry; `previousIndex` when there is none.
    public var lastIndex: LogIndex

    public init(previousIndex: LogIndex, previousTerm: Term, lastIndex: LogIndex) {
        self.previousIndex = previousIndex
        self.previousTerm = previousTerm
        self.lastIndex = lastIndex
    }

    public static let empty = LogBounds(
        previousIndex: .zero, previousTerm: .zero, lastIndex: .zero)

    public var count: UInt64 { lastIndex.number - previousIndex.number }
}

/// One atomic, durable write to a ``LogStore``.
public struct LogBatch: Equatable, Sendable {
    public var hardState: HardState?
    /// Drops all entries: the next one is the one after this.
    public var resetTo: ResetPoint?
    /// Drops every entry after this index.
    public var truncateAfter: LogIndex?
    public var entries: [Entry]
    /// nil leaves the stored hint as it is.
    public var commitHint: LogIndex?

    public struct ResetPoint: Equatable, Sendable {
        public var index: LogIndex
        public var term: Term

        public init(index: LogIndex, term: Term) {
            self.index = index
            self.term = term
        }
    }

    public init(
        hardState: HardState? = nil, resetTo: ResetPoint? = nil, truncateAfter: LogIndex? = nil,
        entries: [Entry] = [], commitHint: LogIndex? = nil
    ) {
        self.hardState = hardState
        self.resetTo = resetTo
        self.truncateAfter = truncateAfter
        self.entries = entries
        self.commitHint = commitHint
    }
}
