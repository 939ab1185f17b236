// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletSimulation
import MartletState

// What must hold of nodes and jobs: at any moment on any server, and when everything is healed.

extension JobLoad {
    /// How long it may take until every job runs as asked: evaluations that failed thrice on the way wait
    /// for up to six minutes.
    private static let restMax: Duration = .seconds(600)

    // MARK: At any moment

    /// Looks at each server whose tables have changed since the last time.
    func look() {
        tellChanges()
        for (place, node) in trial.nodes.enumerated() where !trial.isOver {
            guard let tables = trial.tables(of: node), tables.lastIndex != looked[place] else {
                continue
            }
            looked[place] = tables.lastIndex
            if let fault = tables.brokenInvariant() ?? Self.overload(in: tables)
                ?? Self.double(in: tables) ?? remade(in: tables)
            {
                trial.fail(Violation("jobs", "\(node.name) at \(tables.lastIndex): \(fault)"))
            }
        }
    }

    private static func overload(in tables: SchedulerTables) -> String? {
        for node in tables.nodes.map(\.value) {
            var left = node.usable
            let live = tables.allocations(ofNode: node.id).map(\.value).filter { !$0.isTerminal }
            for allocation in live {
                left.cpu -= allocation.resources.value.combined.cpu
                left.memoryMB -= allocation.resources.value.combined.memoryMB
            }
            guard left.cpu < 0 || left.memoryMB < 0 else { continue }
            let list = live.map {
                "\($0.name) of \($0.createIndex), changed at \($0.modifyIndex), "
                    + "\($0.resources.value.combined.cpu) MHz"
            }
            return "\(node.name) is over its capacity: \(list.joined(separator: "; "))"
        }
        return nil
    }

    /// No number of a job is there twice; of a system job each node has one.
    private static func double(in tables: SchedulerTables) -> String? {
        var known: [String: Allocation] = [:]
        for allocation in tables.allocations.map(\.value) where !allocation.isTerminal {
            let isSystem = allocation.job.value.type.isSystem
            let key = isSystem ? "\(allocation.nodeID)" : "\(allocation.index)"
            let former = known.updateValue(allocation, forKey: "\(allocation.jobID) \(key)")
            if let former {
                return "\(allocation.name) is there twice: \(list([former, allocation]))"
            }
        }
        return nil
    }

    /// An allocation is made once, by one entry of the log, whoever leads.
    private func remade(in tables: SchedulerTables) -> String? {
        // A restore takes everything back.
        guard trial.restoreCount == 0 else { return nil }
        for allocation in tables.allocations.map(\.value) {
            let first = made[allocation.id] ?? allocation.createIndex
            made[allocation.id] = first
            guard first == allocation.createIndex else {
                return
                    "\(allocation.name) was made at \(first), and again at \(allocation.createIndex)"
            }
        }
        return nil
    }

    // MARK: When everything is healed

    /// All jobs are asked for once more, and have to run as asked, on nodes that know of all of it. Then
    /// a machine falls silent, and often whoever leads dies meanwhile: what ran there has to run
    /// elsewhere, or to wait for room, until the machine is back. Nobody asks for anything on the way.
    func judge() {
        askForAll()
        waitForRest()
        guard !trial.isOver else { return }
        trial.note("every job runs as asked")
        let machine = machines[Int.random(in: 0..<machines.count, using: &generator)]
        trial.note("\(machine.host.name) is silent")
        machine.host.pause()
        silent = Set(machine.nodes.map(\.id))
        if Bool.random(using: &generator) { replaceLeader() }
        waitForRest()
        machine.host.resume()
        silent = []
        guard !trial.isOver else { return }
        trial.note("\(machine.host.name) is back")
        waitForRest()
        trial.note("every job runs as asked again")
    }

    /// At some moment between the silence and what follows from it.
    private func replaceLeader() {
        let pause = Int64.random(in: 0...4_000, using: &generator)
        trial.advance(to: trial.world.now + .milliseconds(pause))
        guard let leader = trial.leader, !trial.isOver else { return }
        trial.note("\(leader.name) is killed")
        trial.takeDown(leader, by: .kill)
        trial.advance(to: trial.world.now + .seconds(2))
        trial.bringUp(leader)
    }

    private func waitForRest() {
        let end = trial.world.now + Self.restMax
        var fault: String? = "nobody leads"
        while !trial.isOver, trial.world.now < end {
            trial.advance(to: trial.world.now + .milliseconds(500))
            fault = trial.leader.flatMap { trial.tables(of: $0) }.map { unrest(in: $0) } ?? fault
            if fault == nil { break }
        }
        guard !trial.isOver, let fault else { return }
        trial.fail(Violation("jobs", "no rest: \(fault)"))
    }

    /// What is not yet as it has to be in the end.
    private func unrest(in tables: SchedulerTables) -> String? {
        for node in machines.flatMap(\.nodes) {
            let isReady = tables.node(node.id)?.value.isReady == true
            guard isReady != silent.contains(node.id) else {
                return "\(node.name) is \(isReady ? "" : "not ")ready"
            }
        }
        for evaluation in tables.evaluations.map(\.value) {
            switch evaluation.status {
            case .pending:
                return "evaluation \(evaluation.id) of \(evaluation.jobID) is pending, of index "
                    + "\(evaluation.createIndex), by \(evaluation.trigger.rawValue)"
            case .blocked where evaluation.statusDescription.isEmpty:
                return "an evaluation of \(evaluation.jobID) is blocked without a reason"
            case .blocked, .complete, .failed, .canceled: break
            }
        }
        for wish in wishes {
            if let fault = unrest(of: wish, in: tables) { return fault }
        }
        for machine in machines where !machine.nodes.contains(where: { silent.contains($0.id) }) {
            let known = machine.nodes.reduce(0) { count, node in
                count
                    + tables.allocations(ofNode: node.id).count { !$0.value.isClientTerminal }
            }
            let instances = machine.instances
            guard instances.count == known else {
                let strange = instances.first {
                    tables.allocation($0)?.value.isClientTerminal ?? true
                }
                return "\(machine.host.name) runs \(instances.count) instances of \(known)"
                    + (strange.map { "; \($0) is unknown, or known to have ended" } ?? "")
            }
        }
        return nil
    }

    private func unrest(of wish: JobWish, in tables: SchedulerTables) -> String? {
        let key = JobKey(id: wish.id)
        let live = tables.allocations(ofJob: key).map(\.value).filter { !$0.isTerminal }
        if let lost = live.first(where: { silent.contains($0.nodeID) }) {
            return "\(lost.name) is where nobody is"
        }
        if wish.isStopped {
            return live.isEmpty ? nil : "\(wish.id) is stopped, and has \(live.count) instances"
        }
        guard let job = tables.job(key)?.value else {
            // What has ended is forgotten.
            return wish.type == .batch ? nil : "\(wish.id) is not there"
        }
        let blocked = tables.evaluations(ofJob: key).map(\.value).filter { $0.status == .blocked }
        // Who finds no room for the next version keeps what it has.
        let isOfOneVersion = live.allSatisfy { $0.job.value.jobModifyIndex == job.jobModifyIndex }
        guard isOfOneVersion || !blocked.isEmpty else {
            return "\(wish.id) has instances of an earlier version"
        }
        if !blocked.isEmpty, !wish.type.isSystem, live.count < wish.count || !isOfOneVersion,
            let node = present.first(where: { hasRoom($0, for: wish, in: tables) })
        {
            return "\(wish.id) waits for room that is on \(node.name)"
        }
        switch wish.type {
        case .batch:
            // What has no room for its next version goes on with an earlier one, which may last.
            let isHeld =
                !blocked.isEmpty
                && live.allSatisfy { $0.job.value.jobModifyIndex != job.jobModifyIndex }
            return live.isEmpty || isHeld ? nil : "\(wish.id) has not ended: \(Self.list(live))"
        case .system, .sysbatch:
            for node in present {
                let count = live.count { $0.nodeID == node.id && $0.clientStatus == .running }
                let isWaiting =
                    blocked.contains { $0.nodeID == node.id }
                    && !hasRoom(node, for: wish, in: tables)
                guard count == 1 || (count == 0 && isWaiting)
                else { return "\(wish.id) has \(count) instances on \(node.name)" }
            }
        case .service:
            let queued = tables.summary(of: key)?.groups["g"]?.queued ?? 0
            guard live.count <= wish.count,
                live.count + (blocked.isEmpty ? 0 : queued) >= wish.count,
                live.allSatisfy({ $0.clientStatus == .running })
            else {
                return "\(wish.id) has \(live.count) of \(wish.count) instances, \(queued) queued: "
                    + Self.list(live) + Self.list(tables.evaluations(ofJob: key).map(\.value))
            }
        }
        return nil
    }

    private var present: [MartletAPI.Node] {
        machines.flatMap(\.nodes).filter { !silent.contains($0.id) }
    }

    /// For one instance more; nothing but processor and memory is scarce here.
    private func hasRoom(
        _ node: MartletAPI.Node, for wish: JobWish, in tables: SchedulerTables
    ) -> Bool {
        let used = tables.allocations(ofNode: node.id).map(\.value).filter { !$0.isTerminal }
        let left = used.reduce(into: node.usable) { left, allocation in
            left.cpu -= allocation.resources.value.combined.cpu
            left.memoryMB -= allocation.resources.value.combined.memoryMB
        }
        return left.cpu >= wish.cpu && left.memoryMB >= JobWish.memoryMB
    }

    private static func list(_ allocations: [Allocation]) -> String {
        allocations.map {
            "\($0.id) on \($0.nodeID), of index \($0.createIndex), "
                + "\($0.desiredStatus.rawValue) \($0.clientStatus.rawValue) at \($0.modifyIndex)"
        }.joined(separator: "; ")
    }

    private static func list(_ evaluations: [Evaluation]) -> String {
        evaluations.map {
            "; an evaluation of index \($0.createIndex) by \($0.trigger.rawValue) is "
                + "\($0.status.rawValue) at \($0.modifyIndex) \($0.statusDescription)"
        }.joined()
    }
}
