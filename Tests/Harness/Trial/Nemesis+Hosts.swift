// SPDX-License-Identifier: Apache-2.0
import MartletServer
import MartletSimulation

extension Nemesis {
    /// Crashes lose what was not durable, and may fall on any durable step.
    static let disk: [Nemesis] = [
        Nemesis("crash at a storage step") { trial, generator in
            guard let node = trial.anyRunning(&generator) else { return .missed }
            let step = UInt64.random(in: 1...12, using: &generator)
            let isDone = Bool.random(using: &generator)
            node.host.disk.crash(atStep: step, isDone: isDone)
            return .done("\(node.name), \(isDone ? "after" : "before") step \(step)")
        },
        Nemesis("sync fails (EIO)") { trial, generator in
            guard let node = trial.anyRunning(&generator) else { return .missed }
            node.host.disk.failNextCommit(.broken)
            return .done(node.name)
        },
        Nemesis("disk full once") { trial, generator in
            guard let node = trial.anyRunning(&generator) else { return .missed }
            node.host.disk.failNextCommit(.full)
            return .done(node.name)
        },
        Nemesis("disk full (ENOSPC)") { trial, generator in
            let count = Int.random(in: 1...2, using: &generator)
            let nodes = trial.nodes.shuffled(using: &generator).prefix(count)
            for node in nodes { node.host.disk.isFull = true }
            return .lasting(nodes.map(\.name).joined(separator: " ")) {
                for node in nodes { node.host.disk.isFull = false }
            }
        },
        // One server at a time, so that the others hold all that is lost.
        Nemesis("bit flip", weight: 3) { trial, generator in
            let node = trial.anyNode(&generator)
            let place = SimulatedDisk.Place.allCases[
                Int.random(in: 0..<SimulatedDisk.Place.allCases.count, using: &generator)]
            guard trial.canSpare(node, ofVoters: 3) else { return .missed }
            trial.takeDown(node, by: .powerCut)
            guard node.host.disk.flipBit(in: place) else {
                return .lasting("\(node.name), nothing to flip") { trial.bringUp(node) }
            }
            // In a share of the cases power is cut again while it sets aside what is damaged.
            let step = UInt64.random(in: 1...16, using: &generator)
            return .lasting("\(node.name), \(place)") {
                if step <= 6 { node.host.disk.crash(atStep: step, isDone: step % 2 == 0) }
                trial.bringUp(node)
            }
        },
        Nemesis("stores lost", weight: 3) { trial, generator in
            let node = trial.anyNode(&generator)
            guard trial.canSpare(node, ofVoters: 3) else { return .missed }
            trial.takeDown(node, by: .kill)
            node.host.disk.loseStores()
            return .lasting(node.name) { trial.bringUp(node) }
        },
        Nemesis("disk stalls") { trial, generator in
            guard let node = trial.leaderOrAny(&generator) else { return .missed }
            let time = Duration.milliseconds(Int64.random(in: 50...5_000, using: &generator))
            node.host.disk.stall(until: trial.world.now + time)
            return .done("\(node.name) for \(time)")
        },
        Nemesis("disk slow") { trial, generator in
            let node = trial.anyNode(&generator)
            let most = Int64.random(in: 2...300, using: &generator)
            node.host.laneLatency = .milliseconds(most / 2)...(.milliseconds(most))
            return .lasting("\(node.name), up to \(most) ms") {
                node.host.laneLatency = node.host.options.laneLatency
            }
        },
    ]

    static let process: [Nemesis] = [
        Nemesis("kill") { trial, generator in
            guard let node = trial.leaderOrAny(&generator) else { return .missed }
            trial.takeDown(node, by: .kill)
            return .lasting(node.name) { trial.bringUp(node) }
        },
        Nemesis("power cut") { trial, generator in
            guard let node = trial.anyRunning(&generator) else { return .missed }
            trial.takeDown(node, by: .powerCut)
            return .lasting(node.name) { trial.bringUp(node) }
        },
        Nemesis("power cut of many") { trial, generator in
            let count = Int.random(in: 2...trial.nodes.count, using: &generator)
            let nodes = trial.nodes.shuffled(using: &generator).prefix(count)
            for node in nodes { trial.takeDown(node, by: .powerCut) }
            return .lasting(nodes.map(\.name).joined(separator: " ")) {
                for node in nodes { trial.bringUp(node) }
            }
        },
        Nemesis("pause (SIGSTOP)") { trial, generator in
            guard let node = trial.leaderOrAny(&generator) else { return .missed }
            node.host.pause()
            return .lasting(node.name) { node.host.resume() }
        },
        Nemesis("another version") { trial, generator in
            let node = trial.anyNode(&generator)
            let version = UInt16.random(in: 1...TrialShape.newestProtocol, using: &generator)
            trial.takeDown(node, by: Bool.random(using: &generator) ? .kill : .powerCut)
            node.options.peerProtocolMax = version
            return .lasting("\(node.name) with protocol \(version)") { trial.bringUp(node) }
        },
        Nemesis("stop (SIGTERM)") { trial, generator in
            guard let node = trial.leaderOrAny(&generator) else { return .missed }
            trial.takeDown(node, by: .farewell(isLeaving: false))
            return .lasting(node.name) { trial.bringUp(node) }
        },
    ]

    static let clock: [Nemesis] = [
        Nemesis("clock skew") { trial, generator in
            let node = trial.anyNode(&generator)
            // As likely slow as fast.
            let factor = Double.random(in: 1...trial.shape.clockFactorMax, using: &generator)
            let isFast = Bool.random(using: &generator)
            let rate = isFast ? 1_000_000 * factor : 1_000_000 / factor
            node.host.setClockRate(Int64(rate))
            return .lasting("\(node.name) at \(Int64(rate)) millionths") {
                node.host.setClockRate(1_000_000)
            }
        },
        Nemesis("time of day jumps") { trial, generator in
            let node = trial.anyNode(&generator)
            let seconds = Int64.random(in: -100_000...100_000, using: &generator)
            node.host.jumpWallClock(by: .seconds(seconds))
            return .done("\(node.name) by \(seconds) s")
        },
    ]
}
