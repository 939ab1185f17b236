// SPDX-License-Identifier: Apache-2.0
import MartletServer
import MartletSimulation

/// A misfortune of several steps, one after the other, and what it has to take back at its end.
final class Schedule {
    typealias Node = SimulatedCluster.Node

    let trial: Trial
    private var isOver = false
    private var undoing: [() -> Void] = []

    init(_ trial: Trial) { self.trial = trial }

    /// Some time from now, unless the schedule is over by then, or all faults are.
    func after(_ time: Duration, _ body: @escaping () -> Void) {
        trial.later(time) { [self] in if !isOver { body() } }
    }

    func end() {
        guard !isOver else { return }
        isOver = true
        for step in undoing.reversed() { step() }
        undoing = []
    }

    /// - Returns: what ends it before the schedule's end; it may be called again.
    @discardableResult
    func doing(_ begin: () -> Void, undo: @escaping () -> Void) -> () -> Void {
        begin()
        var isDone = false
        let once = {
            if !isDone { undo() }
            isDone = true
        }
        undoing.append(once)
        return once
    }

    @discardableResult
    func block(_ isMeant: (Node, Node) -> Bool) -> () -> Void {
        let ways = trial.ways(isMeant)
        return doing({ for way in ways { trial.block(way) } }) { [trial] in
            for way in ways { trial.unblock(way) }
        }
    }

    /// Nothing passes between these and all others. With `isHungUp` both sides notice at once.
    @discardableResult
    func cutOff(_ inside: [Node], isHungUp: Bool) -> () -> Void {
        let isInside = { (node: Node) in inside.contains { $0 === node } }
        if isHungUp {
            for one in inside {
                for other in trial.nodes where !isInside(other) {
                    trial.world.network.resetConnections(between: one.host, and: other.host)
                }
            }
        }
        return block { isInside($0) != isInside($1) }
    }

    /// Clients with nothing else to do stay with this server.
    @discardableResult
    func aim(_ count: Int, at node: Node) -> () -> Void {
        let place = trial.nodes.firstIndex { $0 === node }
        let aimed = trial.clients.filter { $0.aim == nil }.prefix(count)
        return doing({ for client in aimed { client.aim = place } }) {
            for client in aimed { client.aim = nil }
        }
    }

    func pause(_ node: Node) -> () -> Void {
        doing({ node.host.pause() }) { node.host.resume() }
    }

    /// As slow as a clock may be; with leases, where they lean on clocks, it stays as it is.
    func slowClock(of node: Node) {
        guard !trial.shape.isLeasing else { return }
        doing({ node.host.setClockRate(500_000) }) { node.host.setClockRate(1_000_000) }
    }

    /// Clients write, or read, at one of these again and again.
    func rush(
        _ wish: TrialClient.Wish, at nodes: [Node], from start: Duration, until end: Duration,
        every pause: Duration
    ) {
        let places = trial.nodes.indices.filter { place in
            nodes.contains { $0 === trial.nodes[place] }
        }
        guard !places.isEmpty else { return }
        var time = start
        var turn = 0
        while time < end {
            let client = trial.clients[turn % trial.clients.count]
            let place = places[turn % places.count]
            after(time) { client.rush(wish, at: place) }
            time += pause
            turn += 1
        }
    }
}
