// SPDX-License-Identifier: Apache-2.0

/// The configurations of the log, oldest first: the newest is in force, and truncating the log brings
/// back the one before (dissertation §4.1).
struct ConfigurationHistory: Sendable {
    struct Version: Sendable {
        let index: LogIndex
        let configuration: Configuration
        /// For each member, in order, the index at which the life it is in began: with joining, or
        /// with the loss of its vote. After that a server may speak for a log that an earlier life of
        /// it never had (see RaftCore+Recovery).
        let sessions: [LogIndex]

        func session(of id: ServerID) -> LogIndex? {
            configuration.members.firstIndex { $0.id == id }.map { sessions[$0] }
        }
    }

    /// Never empty: begins with the snapshot's configuration, or with the empty one.
    private(set) var versions: [Version]
    /// Grows whenever another version may be the newest: to look at it costs less than to compare.
    private(set) var revision: UInt64 = 0

    init(snapshot: SnapshotMetadata?) {
        let configuration = snapshot?.configuration ?? .empty
        let index = snapshot?.configurationIndex ?? .zero
        versions = [
            Version(
                index: index, configuration: configuration,
                sessions: configuration.members.map { _ in index })
        ]
    }

    var newest: Version { versions[versions.count - 1] }
    /// Without the rest of the newest, which is more to copy than to know.
    var newestIndex: LogIndex { versions.span[versions.count - 1].index }
    var newestConfiguration: Configuration { versions.span[versions.count - 1].configuration }
    /// What truncating the newest would bring back.
    var previous: Version? { versions.count > 1 ? versions[versions.count - 2] : nil }

    /// A voter of the configuration in force, while that is joint of either side; and, until it is
    /// committed, of the one before. If such a server has the entry that removes it and those that stay
    /// do not, nobody else can win: they need its vote, and its log is ahead (dissertation §4.2.2).
    func mayCampaign(_ id: ServerID, committed: LogIndex) -> Bool {
        let versions = versions.span
        let newest = versions.count - 1
        if versions[newest].configuration.isVoter(id) { return true }
        return versions[newest].index > committed && newest > 0
            && versions[newest - 1].configuration.isVoter(id)
    }

    /// Takes the configurations among `entries`; what is not newer than the base is known already.
    mutating func append(_ entries: [Entry]) {
        for entry in entries where entry.kind == .configuration && entry.index > newestIndex {
            if let configuration = Configuration(encoded: entry.payload) {
                append(configuration, at: entry.index)
            }
        }
    }

    mutating func append(_ configuration: Configuration, at index: LogIndex) {
        let before = newest
        precondition(index > before.index, "configuration at \(index) after \(before.index)")
        let sessions = configuration.members.map { member in
            let isDemoted = member.role != .voter && before.configuration.isVoter(member.id)
            return isDemoted ? index : before.session(of: member.id) ?? index
        }
        versions.append(Version(index: index, configuration: configuration, sessions: sessions))
        revision += 1
    }

    mutating func truncate(after index: LogIndex) {
        while versions.count > 1, newestIndex > index {
            versions.removeLast()
            revision += 1
        }
    }

    /// Begins anew with a snapshot that takes the whole log's place.
    mutating func reset(to snapshot: SnapshotMetadata) {
        versions = ConfigurationHistory(snapshot: snapshot).versions
        revision += 1
    }

    /// Forgets what can no longer come back: all before the last one at or below `index`.
    mutating func compact(through index: LogIndex) {
        while versions.count > 1, versions[1].index <= index { versions.removeFirst() }
    }
}
