// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What is armed of a loop, the earliest first: a binary heap in which each node knows its place,
/// so that moving a deadline costs a few swaps. libuv's own timers count milliseconds, and would
/// fire two deadlines of one millisecond in the order of their arming.
struct TimerHeap {
    private var nodes: [TimerNode] = []
    /// Counts armings: it breaks ties, and tells an arming from the next of the same timer.
    private var armings: UInt64 = 0

    var earliest: Int64? { nodes.first?.deadline }

    mutating func arm(_ node: TimerNode, at deadline: Int64) {
        disarm(node)
        armings += 1
        node.arming = armings
        node.deadline = deadline
        node.place = nodes.count
        nodes.append(node)
        rise(node)
    }

    mutating func disarm(_ node: TimerNode) {
        node.arming = 0
        guard let place = node.place else { return }
        node.place = nil
        let last = nodes.removeLast()
        guard last !== node else { return }
        put(last, at: place)
        rise(last)
        sink(last)
    }

    /// Takes out all that are due, in order of deadline and then of arming.
    mutating func takeDue(at now: Int64) -> [(node: TimerNode, arming: UInt64)] {
        var due: [(node: TimerNode, arming: UInt64)] = []
        while let first = nodes.first, first.deadline <= now {
            let arming = first.arming
            disarm(first)
            first.arming = arming
            due.append((first, arming))
        }
        return due
    }

    private mutating func put(_ node: TimerNode, at place: Int) {
        nodes[place] = node
        node.place = place
    }

    private mutating func rise(_ node: TimerNode) {
        guard var place = node.place else { return }
        while place > 0 {
            let parent = (place - 1) / 2
            guard node.isBefore(nodes[parent]) else { break }
            put(nodes[parent], at: place)
            place = parent
        }
        put(node, at: place)
    }

    private mutating func sink(_ node: TimerNode) {
        guard var place = node.place else { return }
        while true {
            var child = 2 * place + 1
            guard child < nodes.count else { break }
            if child + 1 < nodes.count, nodes[child + 1].isBefore(nodes[child]) { child += 1 }
            guard nodes[child].isBefore(node) else { break }
            put(nodes[child], at: place)
            place = child
        }
        put(node, at: place)
    }
}

/// One timer's place in the heap.
final class TimerNode {
    let fire: () -> Void
    /// Nanoseconds of the loop's clock.
    fileprivate(set) var deadline: Int64 = 0
    /// 0 when not armed.
    fileprivate(set) var arming: UInt64 = 0
    fileprivate var place: Int?

    init(_ fire: @escaping () -> Void) { self.fire = fire }

    fileprivate func isBefore(_ other: TimerNode) -> Bool {
        (deadline, arming) < (other.deadline, other.arming)
    }
}

/// A timer as its user holds it: the node's owner.
final class UVTimer: LoopTimer {
    private let loop: UVLoop
    private let node: TimerNode

    init(loop: UVLoop, _ fire: @escaping () -> Void) {
        self.loop = loop
        node = TimerNode(fire)
    }

    deinit {
        let node = Carried(node)
        loop.onLoop { $0.disarm(node.value) }
    }

    func arm(at deadline: Duration) { loop.arm(node, at: deadline.nanosecondsClamped) }

    func disarm() { loop.disarm(node) }
}

extension Duration {
    /// Whole nanoseconds, rounded up, at the ends of `Int64` when outside.
    var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let fraction = attoseconds / 1_000_000_000
        let roundsUp = attoseconds > 0 && attoseconds % 1_000_000_000 != 0
        let (sum, overflowSum) = scaled.addingReportingOverflow(fraction + (roundsUp ? 1 : 0))
        if overflow || overflowSum { return seconds < 0 ? .min : .max }
        return sum
    }
}
