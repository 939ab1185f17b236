// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletScheduler
import MartletState
import MartletTransport

/// The leader's rounds for what has ended: each searches a snapshot on a lane, and writes what it found, one
/// command after the other, until nothing is found.
struct GarbageRounds {
    /// Told the index of the round's last write, 0 for none; nil if it came to no end.
    typealias Told = (UInt64?) -> Void

    /// When the next one begins; nil before the first turn.
    var nextAt: Duration?
    var isUnderWay = false
    /// When to look whether one begins; nil while one is under way, whose end is another occasion.
    var dueAt: Duration? { isUnderWay ? nil : nextAt }
    /// Who asked for all that has ended: served by the round that begins after that.
    var waiting: [Told] = []
    /// By the round that is under way.
    var served: [Told] = []

    static let waitingMax = 256

    mutating func begin() {
        isUnderWay = true
        served = waiting
        waiting = []
    }

    /// - Returns: who is to be told.
    mutating func end() -> [Told] {
        isUnderWay = false
        defer { served = [] }
        return served
    }
}

extension Dispatcher {
    /// All that has ended goes at once, whatever its age.
    func collectAll(_ told: @escaping GarbageRounds.Told) {
        // A leader that has just been elected is about to begin.
        let isAboutToBegin = replica.outlook.status.role == .leader && !replica.hasAppliedOwnTerm
        guard isOn || isAboutToBegin, garbage.waiting.count < GarbageRounds.waitingMax else {
            return told(0)
        }
        garbage.waiting.append(told)
        schedule()
    }

    /// Begins a round that is due.
    func collectGarbage() {
        if garbage.nextAt == nil { putOffGarbage() }
        let isDue = garbageDueAt.map { $0 <= loop.now } ?? false
        let isAsked = !garbage.waiting.isEmpty
        guard isDue || isAsked, !garbage.isUnderWay else { return }
        let bounds = isAsked ? .all : garbageBounds
        garbage.begin()
        putOffGarbage()
        search(bounds, on: garbageLane, lastIndex: 0)
    }

    /// When to look whether a round begins.
    var garbageDueAt: Duration? { garbage.dueAt.map { $0 - haste } }

    /// By how much a round comes before its time, while there are too many rows.
    private var haste: Duration {
        guard crowded.isAny else { return .zero }
        return max(.zero, server.options.scheduling.garbage.interval - Self.crowdedPause)
    }

    private var crowded: Crowded { Crowded(tables, by: server.options.scheduling.garbage.crowd) }

    /// Between two rounds.
    private static let crowdedPause: Duration = .seconds(30)

    /// A worker's, where there is one.
    private var garbageLane: any Lane { workers.first?.lane ?? server.archiveLane }

    private func putOffGarbage() {
        garbage.nextAt = loop.now + server.options.scheduling.garbage.interval
    }

    /// Nobody waits for a round that will not come.
    ///
    /// - Parameter index: nil if it may be asked for elsewhere, 0 if there is nothing to forget.
    func endGarbage(_ index: UInt64? = nil) {
        let waiting = garbage.served + garbage.waiting
        garbage = GarbageRounds()
        for told in waiting { loop.atEndOfTurn { told(index) } }
    }

    private func search(_ bounds: GarbageBounds, on lane: any Lane, lastIndex: UInt64) {
        let search = GarbageSearch(tables: tables, bounds: bounds)
        let root = ids.seed
        lane.submit({ search.run() }) { [weak self] found in
            guard let self, self.leads(since: root) else { return }
            self.write(found.commands[...], lastIndex: lastIndex) { [weak self] index in
                guard let self else { return }
                guard found.isFull, let index else { return self.roundEnded(index) }
                self.search(bounds, on: lane, lastIndex: index)
            }
        }
    }

    /// What cannot be written is found again by a later round. Every server forgets with its loop, and whoever
    /// waits for a write waits behind that: so between two commands there is as long a pause as the last one
    /// took.
    private func write(
        _ commands: ArraySlice<SchedulerCommand>, lastIndex: UInt64,
        done: @escaping (UInt64?) -> Void
    ) {
        guard let command = commands.first else { return done(lastIndex) }
        let (root, began) = (ids.seed, loop.now)
        propose(encoded: Command.scheduling(command).encoded()) { [weak self] index in
            guard let self, let index else { return done(nil) }
            let rest = commands.dropFirst()
            guard !rest.isEmpty else { return done(index) }
            self.server.later(self.loop.now - began) { [weak self] in
                guard let self, self.leads(since: root) else { return }
                self.write(rest, lastIndex: index, done: done)
            }
        }
    }

    private func roundEnded(_ index: UInt64?) {
        for told in garbage.end() { told(index) }
        schedule()
    }

    private var garbageBounds: GarbageBounds {
        let ages = server.options.scheduling.garbage
        // What nothing has followed since is as old as it is.
        server.logClock.note(replica.state.lastAppliedIndex, at: loop.now)
        let (now, clock) = (loop.now, server.logClock)
        var bounds = GarbageBounds(
            evaluations: clock.index(at: now - ages.evaluations),
            batchEvaluations: clock.index(at: now - ages.batchEvaluations),
            jobs: clock.index(at: now - ages.jobs),
            deployments: clock.index(at: now - ages.deployments),
            nodes: clock.index(at: now - ages.nodes))
        bounds.widen(for: crowded)
        return bounds
    }
}
