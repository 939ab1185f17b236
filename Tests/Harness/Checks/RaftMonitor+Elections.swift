// SPDX-License-Identifier: Apache-2.0
package import MartletRaft

/// What is said of elections before anybody loses anything by them: a wrong one does harm only if
/// the right servers fail afterwards, and these checks do not wait for that.
extension RaftMonitor {
    /// Notes who voted for whom: for ever, since grants arrive late.
    func note(ballotOf voter: ServerID, for candidate: ServerID, in term: Term) {
        ballots[term, default: [:]][voter] = candidate
    }

    /// I1: who leads was voted for, in that term, by a majority of the configuration that it has.
    func checkBallots(_ id: ServerID, in term: Term, _ configuration: Configuration) {
        guard configuration.voterCount > 0 else { return }
        let ballot = ballots[term] ?? [:]
        if !configuration.hasMajority({ $0 == id || ballot[$0] == id }) {
            fail("I1", "\(id) leads in \(term) without the votes of a majority of \(configuration)")
        }
    }

    /// I3: of what becomes committed, no server is without it that could be elected by the logs as
    /// they are now. This is where a commitment that is none is seen, such as Figure 8's.
    ///
    /// A candidate and its voters go by what they asked their disks for. All that it takes to find a
    /// sound cluster innocent is that a leader of a later term has the entry: who has entries of a
    /// later term has them from there, and who has not is behind one of those that hold the entry, of
    /// whom there is one in every majority.
    func checkHeirs(of index: LogIndex, _ term: Term) {
        guard let canVote else { return }
        for (id, server) in servers.sorted(by: { $0.id < $1.id }) {
            guard !server.holds(index, term), server.configuration.isVoter(id), canVote(id) else {
                continue
            }
            let isElectable = server.isElected { voter in
                guard voter != id else { return true }
                guard canVote(voter), let other = observed(voter) else { return false }
                return other.position <= server.position
            }
            if isElectable {
                return fail(
                    "I3",
                    "\(index) of \(term) is committed, and \(id) could be elected "
                        + "without it, with a log to \(server.lastIndex) of \(server.lastTerm) and "
                        + "\(server.configuration)")
            }
        }
    }

    /// I2: the configuration in force is the newest of the own log, committed or not.
    func checkConfiguration(of server: ObservedServer, _ id: ServerID) {
        guard server.isConfigurationTouched else { return }
        server.isConfigurationTouched = false
        if server.configuration != server.newestConfiguration {
            fail(
                "I2",
                "\(id) goes by \(server.configuration), and its log says "
                    + "\(server.newestConfiguration)")
        }
    }

    /// I5: who does not know what it promised gets a vote anew, and keeps none.
    func checkRecovery(of server: ObservedServer, _ id: ServerID) {
        guard server.hasJustRecovered else { return }
        server.hasJustRecovered = false
        if server.configuration.isVoter(id) {
            fail("I5", "\(id) lost its records, and has kept its vote in \(server.configuration)")
        }
    }

    /// Whether a server that lost its disk had so much before: what it took since then counts for
    /// nothing until it has recovered.
    package func hadBeforeLoss(_ id: ServerID, _ index: LogIndex) -> Bool {
        observed(id)?.lastIndexBeforeLoss.map { index <= $0 } ?? true
    }
}

extension ObservedServer {
    struct Position: Comparable {
        let term: Term
        let index: LogIndex

        static func < (one: Position, other: Position) -> Bool {
            (one.term, one.index) < (other.term, other.index)
        }
    }

    /// What votes compare (Raft §5.4.1).
    var position: Position { Position(term: lastTerm, index: lastIndex) }

    func holds(_ index: LogIndex, _ term: Term) -> Bool {
        index <= baseIndex || self.term(at: index) == term
    }

    /// A log that ends with a recovery's entry leads with every vote only (ADR 0016).
    func isElected(by test: (ServerID) -> Bool) -> Bool {
        let before = term(at: lastIndex.previous) ?? lastTerm
        guard lastTerm.number - before.number >= Term.recoveryStride else {
            return configuration.hasMajority(test)
        }
        return configuration.members.allSatisfy { $0.role != .voter || test($0.id) }
    }
}
