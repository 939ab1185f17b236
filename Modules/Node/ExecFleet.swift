// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletTransport

/// Allocations of one node that really run. What is told of them is kept by the driver first, so that
/// the next life of this process takes up what this one has left. Confined to the loop.
package final class ExecFleet: Fleet {
    /// Called when something has happened by itself.
    package var changed: () -> Void = {}

    private let loop: any Loop
    private let driver: any TaskDriver
    private let node: Node
    /// What commands find in their environment besides what they are told.
    private let inherited: [String: String]
    private var instances: [UniqueID: ExecInstance] = [:]
    /// What an earlier life has left, and the servers have not asked for yet.
    private var left: [UniqueID: SavedAllocation]
    /// Of each allocation the newest index that was taken in.
    private var known: [UniqueID: UInt64] = [:]
    private var queue = UpdateQueue()

    package init(
        loop: any Loop, driver: any TaskDriver, node: Node, inherited: [String: String],
        left: [SavedAllocation]
    ) {
        self.loop = loop
        self.driver = driver
        self.node = node
        self.inherited = inherited
        self.left = [:]
        for saved in left {
            self.left[saved.update.id] = saved
            if saved.isStopped { queue.noteStop(of: saved.update.id) }
        }
    }

    package var count: Int { instances.values.count { !$0.hasEnded } }

    package var nextEventAt: Duration? { instances.values.compactMap(\.nextEventAt).min() }

    package var updateCount: Int { queue.count }

    package func listed(
        _ indexes: NodeAllocationIndexes, isComplete: Bool, at instant: NodeInstant
    ) -> [UniqueID] {
        if isComplete { forget(allBut: Set(indexes.indexes.map(\.id))) }
        return indexes.indexes.filter { $0.index > known[$0.id] ?? 0 }.map(\.id)
    }

    /// What the servers have no record of ends, and its files go.
    private func forget(allBut listed: Set<UniqueID>) {
        let mine = Set(known.keys).union(left.keys)
        for id in mine.subtracting(listed).sorted() {
            known[id] = nil
            left[id] = nil
            instances[id] = nil
            driver.remove(id)
        }
        queue.forget(allBut: listed)
    }

    package func assign(_ assignments: [Assignment], at instant: NodeInstant) {
        for assignment in assignments {
            let id = assignment.id
            if assignment.isWanted,
                queue.beginsAnew(id, by: assignment.allocModifyIndex, hasEnded: hasEnded(id))
            {
                // In folders of its own.
                instances[id] = nil
                left[id] = nil
                driver.remove(id)
            }
            // One that was lost before it came here may be wanted again after a restore.
            let isNew = instances[id] == nil && !queue.isOver(id)
            known[id] = max(known[id] ?? 0, assignment.allocModifyIndex)
            if isNew {
                begin(assignment, at: instant)
            } else if !assignment.hasEnded {
                // What servers have of it may be older than what they were told.
                queue.add(id)
            }
            guard !assignment.isToRun || assignment.hasEnded else {
                if !isNew { change(id) { $0.follow(assignment, at: instant) } }
                continue
            }
            if !assignment.isToRun, instances[id]?.hasEnded == false { queue.noteStop(of: id) }
            change(id) { $0.stop(at: instant) }
        }
    }

    /// Whether nothing of it runs, as far as is known here.
    private func hasEnded(_ id: UniqueID) -> Bool {
        instances[id]?.hasEnded ?? left[id]?.update.isTerminal ?? true
    }

    private func begin(_ assignment: Assignment, at instant: NodeInstant) {
        let id = assignment.id
        let saved = left.removeValue(forKey: id)
        if let saved {
            instances[id] = ExecInstance(assignment, saved, at: instant)
        } else if assignment.hasEnded {
            return
        } else {
            instances[id] = ExecInstance(assignment, at: instant)
        }
        change(id) { instance in
            // What was stopped before it began never begins.
            assignment.isWanted || saved?.runs.isEmpty == false
                ? instance.begin(at: instant) : instance.stop(at: instant)
        }
        queue.add(id)
    }

    package func advance(to instant: NodeInstant) {
        for id in instances.keys.sorted() {
            guard let next = instances[id]?.nextEventAt, next <= instant.now else { continue }
            change(id) { $0.advance(to: instant) }
        }
    }

    package func takeUpdates(max count: Int) -> [AllocationUpdate] {
        queue.take(max: count) { instances[$0]?.saved.update }
    }

    /// What has ended is kept on the disk until the servers list it no more.
    package func told(_ updates: [AllocationUpdate], at index: UInt64) {
        let over = queue.told(updates, at: index) { instances[$0]?.hasEnded == true }
        for id in over { instances[id] = nil }
    }

    package func putBack(_ updates: [AllocationUpdate]) {
        queue.putBack(updates)
    }

    private var instant: NodeInstant {
        NodeInstant(now: loop.now, unixNanoseconds: loop.wallClockNanoseconds)
    }

    /// Changes an instance, keeps what has changed, and only then does what follows.
    private func change(
        _ id: UniqueID, _ body: (inout ExecInstance) -> [ExecInstance.Effect]
    ) {
        guard var instance = instances[id] else { return }
        let before = instance.saved
        let effects = body(&instance)
        instances[id] = instance
        if instance.saved != before {
            driver.save(instance.saved)
            queue.add(id)
        }
        for effect in effects { perform(effect, of: instance) }
    }

    private func perform(_ effect: ExecInstance.Effect, of instance: ExecInstance) {
        let position = effect.position
        func run(_ number: Int) -> TaskRun {
            TaskRun(allocation: instance.assignment.id, position: position, number: number)
        }
        switch effect.effect {
        case .start(let number): start(run(number), instance)
        case .recover(let number):
            let run = run(number)
            driver.recover(run) { [weak self] in self?.heard($0, of: run) }
        case .send(let signal, let number): driver.send(signal, to: run(number))
        }
    }

    private func start(_ run: TaskRun, _ instance: ExecInstance) {
        do throws(APIError) {
            let launch = try TaskLaunch(
                run, instance.assignment, on: node, driver.folders(of: run.allocation), inherited)
            driver.start(launch) { [weak self] in self?.heard($0, of: run) }
        } catch {
            loop.atEndOfTurn { [weak self] in
                self?.heard(.refused(error.message), of: run)
            }
        }
    }

    private func heard(_ news: RunNews, of run: TaskRun) {
        let instant = instant
        change(run.allocation) { $0.heard(news, of: run.number, at: run.position, instant) }
        changed()
    }
}
