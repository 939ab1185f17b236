// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

extension TransportContract {
    static let loopChecks: [Check] = [
        Check("Timers fire in order of their deadlines, ties in order of arming") { world in
            var fired: [Int] = []
            let start = world.loop.now
            let offsets: [Int64] = [9_000, 100, 5_000, 100, 4_900, 12_000, 0]
            let timers = offsets.indices.map { index in
                world.loop.makeTimer { fired.append(index) }
            }
            for (timer, offset) in zip(timers, offsets) {
                timer.arm(at: start + .microseconds(offset))
            }
            #expect(fired.isEmpty, "arming calls nothing, even for a deadline that has passed")
            // A timer lives as long as somebody holds it, and an optimizer lets go after the last use.
            withExtendedLifetime(timers) {
                world.expectEventually("all fire") { fired.count == 7 }
            }
            #expect(fired == [6, 1, 3, 4, 2, 0, 5])
        },
        Check("A timer fires once, and never before its deadline") { world in
            var firedAt: [Duration] = []
            let deadline = world.loop.now + .microseconds(2_345)
            let timer = world.loop.makeTimer { firedAt.append(world.loop.now) }
            timer.arm(at: deadline)
            var isLater = false
            let later = world.loop.makeTimer { isLater = true }
            later.arm(at: deadline + .milliseconds(10))
            withExtendedLifetime((timer, later)) {
                world.expectEventually("the later timer fires") { isLater }
            }
            #expect(firedAt.count == 1)
            #expect(firedAt.allSatisfy { $0 >= deadline })
        },
        Check("Arming again replaces, disarming forgets, releasing too") { world in
            var fired: [String] = []
            let start = world.loop.now
            let moved = world.loop.makeTimer { fired.append("moved") }
            let disarmed = world.loop.makeTimer { fired.append("disarmed") }
            var released: (any LoopTimer)? = world.loop.makeTimer { fired.append("released") }
            let last = world.loop.makeTimer { fired.append("last") }
            moved.arm(at: start + .milliseconds(1))
            moved.arm(at: start + .milliseconds(6))
            disarmed.arm(at: start + .milliseconds(2))
            released?.arm(at: start + .milliseconds(3))
            last.arm(at: start + .milliseconds(8))
            disarmed.disarm()
            disarmed.disarm()
            released = nil
            withExtendedLifetime((moved, disarmed, last)) {
                world.expectEventually("the last fires") { fired.contains("last") }
            }
            #expect(fired == ["moved", "last"])
        },
        Check("A timer can disarm another that is due, and arm itself again") { world in
            var fired: [String] = []
            let start = world.loop.now
            let second = world.loop.makeTimer { fired.append("second") }
            let first = world.loop.makeTimer {
                fired.append("first")
                second.disarm()
            }
            var ticks = 0
            var again: (any LoopTimer)?
            let ticking = world.loop.makeTimer {
                ticks += 1
                if ticks < 3 { again?.arm(at: world.loop.now) }
            }
            again = ticking
            first.arm(at: start)
            second.arm(at: start)
            ticking.arm(at: start)
            withExtendedLifetime((first, second)) {
                world.expectEventually("three ticks") { ticks == 3 }
            }
            again = nil
            #expect(fired == ["first"])
        },
        Check("What is entered runs in order, and not within the call") { world in
            let order = OnLoop<[Int]>([])
            for index in 0..<100 { world.loop.enter { order.value.append(index) } }
            #expect(order.value.isEmpty)
            world.expectEventually("all run") { order.value.count == 100 }
            #expect(order.value == Array(0..<100))
        },
        Check("The end of a turn comes once, after what the turn handled") { world in
            let order = OnLoop<[String]>([])
            let loop = world.loop
            loop.enter {
                order.value.append("first")
                loop.atEndOfTurn {
                    order.value.append("end")
                    loop.atEndOfTurn { order.value.append("end of the end") }
                }
            }
            loop.enter { order.value.append("second") }
            #expect(order.value.isEmpty)
            world.expectEventually("the end of the end") { order.value.count >= 4 }
            try world.settle()
            #expect(order.value == ["first", "second", "end", "end of the end"])
        },
        Check("A timer's turn has an end too") { world in
            var hasEnded = false
            let timer = world.loop.makeTimer { world.loop.atEndOfTurn { hasEnded = true } }
            timer.arm(at: world.loop.now)
            withExtendedLifetime(timer) {
                world.expectEventually("the end comes") { hasEnded }
            }
        },
        Check("A lane works in order and answers in order, on the loop") { world in
            let lane = world.loop.makeLane(named: "contract")
            var results: [Int] = []
            for index in 0..<200 { lane.submit({ index * index }, then: { results.append($0) }) }
            #expect(results.isEmpty)
            world.expectEventually("all answers come") { results.count == 200 }
            #expect(results == (0..<200).map { $0 * $0 })
        },
        Check("A lane counts the processor time of its work") { world in
            let lane = world.loop.makeLane(named: "counted")
            var times = [lane.processorTime]
            for _ in 0..<10 {
                lane.submit({ (0..<1000).reduce(0, ^) }) { _ in times.append(lane.processorTime) }
            }
            world.expectEventually("all answers come") { times.count == 11 }
            #expect(times == times.sorted())
            #expect(times[10] > times[0])
        },
        Check("A released lane still does and answers what it was given") { world in
            var lane: (any Lane)? = world.loop.makeLane(named: "brief")
            var results: [Int] = []
            for index in 0..<20 { lane?.submit({ index }, then: { results.append($0) }) }
            lane = nil
            world.expectEventually("all answers come") { results.count == 20 }
            #expect(results == Array(0..<20))
        },
        Check("The clock never goes back") { world in
            var last = world.loop.now
            var wentBack = false
            for _ in 0..<100 {
                let now = world.loop.now
                wentBack = wentBack || now < last
                last = now
            }
            #expect(!wentBack)
            #expect(world.loop.wallClockNanoseconds > 0)
        },
    ]
}

/// A value that `@Sendable` closures change, all of them on the loop's thread.
// SAFETY: the checks run on the loop's thread, and so does what they enter into it.
final class OnLoop<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}
