// SPDX-License-Identifier: Apache-2.0

/// Where a core stands: words only, cheap to make after each step.
package struct ReplicaView: Sendable, Equatable {
    package var status: Status
    package var firstIndex: LogIndex
    package var lastIndex: LogIndex
    package var lastTerm: Term
    package var snapshotIndex: LogIndex
    package var commitIndex: LogIndex
    /// The own log is durable up to here.
    package var durableIndex: LogIndex

    package init(
        status: Status, firstIndex: LogIndex, lastIndex: LogIndex, lastTerm: Term,
        snapshotIndex: LogIndex, commitIndex: LogIndex, durableIndex: LogIndex
    ) {
        self.status = status
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.snapshotIndex = snapshotIndex
        self.commitIndex = commitIndex
        self.durableIndex = durableIndex
    }
}

/// What a shell looks at after a step.
package struct Outlook: Sendable, Equatable {
    /// See ``RaftCore/deadline``.
    package fileprivate(set) var deadline: Duration?
    package fileprivate(set) var entriesSinceSnapshot: UInt64
    /// All that was handed out is durable here.
    package fileprivate(set) var isDurable: Bool
    /// See ``RaftCore/isDiskStalled``.
    package fileprivate(set) var isDiskStalled: Bool
    package fileprivate(set) var status: Status
    /// The newest of the log, committed or not, and its index.
    package fileprivate(set) var configuration: Configuration
    package fileprivate(set) var configurationIndex: LogIndex
    package fileprivate(set) var isConfigurationCommitted: Bool
    /// Of the history that the configuration is of.
    fileprivate var revision: UInt64

    /// The core is stepped no more: it neither leads nor knows who does.
    package mutating func standDown() {
        status = Status(role: .follower, term: status.term, leader: nil)
    }
}

extension RaftCore {
    // All are `mutating` although they change nothing: so a core that is a class's property is
    // looked at in place, and not copied.

    package mutating func view() -> ReplicaView {
        ReplicaView(
            status: lastStatus, firstIndex: firstIndex, lastIndex: lastIndex, lastTerm: lastTerm,
            snapshotIndex: snapshotIndex, commitIndex: commitIndex, durableIndex: durableIndex)
    }

    package mutating func outlook() -> Outlook {
        var outlook = Outlook(
            deadline: nil, entriesSinceSnapshot: 0, isDurable: false, isDiskStalled: false,
            status: lastStatus,
            configuration: configurations.newestConfiguration,
            configurationIndex: configurations.newestIndex, isConfigurationCommitted: false,
            revision: configurations.revision)
        refresh(&outlook)
        return outlook
    }

    /// After a step, of the outlook before it: a configuration that is the same is not touched.
    package mutating func refresh(_ outlook: inout Outlook) {
        let base = snapshot?.lastIndex ?? .zero
        outlook.deadline = nextDeadline()
        outlook.entriesSinceSnapshot =
            handedOutIndex > base ? handedOutIndex.number - base.number : 0
        outlook.isDurable = handedOutIndex <= writes.durableIndex
        outlook.isDiskStalled = isDiskStalled
        outlook.status = lastStatus
        if outlook.revision != configurations.revision {
            outlook.revision = configurations.revision
            outlook.configuration = configurations.newestConfiguration
            outlook.configurationIndex = configurations.newestIndex
        }
        outlook.isConfigurationCommitted = outlook.configurationIndex <= commitIndex
    }

    /// ``deadline``, seen in place.
    private mutating func nextDeadline() -> Duration? {
        if role == .leader {
            guard let transfer = leadership.transfer else { return leadership.heartbeatDeadline }
            return min(leadership.heartbeatDeadline, transfer.deadline)
        }
        let reads = following.reads.isEmpty ? nil : following.reads.deadline
        guard recovery == nil, configurations.mayCampaign(id, committed: commitIndex) else {
            return reads
        }
        return min(electionDeadline, reads ?? electionDeadline)
    }
}
