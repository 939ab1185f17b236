// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletGossip
import MartletGossipWorld

/// Simulated pools of gossiping servers, at length: how soon a killed server is known to have
/// failed, and how often one that runs is taken for failed.
///
///     pool detect [servers 3] [seeds 1000] [loss 0]
///     pool hours  [servers 5] [hours 1000] [loss 10] [first seed 1]
let words = CommandLine.arguments
func number(_ position: Int, _ otherwise: Int) -> Int {
    position < words.count ? Int(words[position]) ?? otherwise : otherwise
}

/// Until the last of the others knows, for each of many kills.
func detect(servers: Int, seeds: Int, loss: Int) {
    var times: [Duration] = []
    for seed in 1...max(1, seeds) {
        var world = World(seed: UInt64(seed), servers: servers, faults: .init(lossPercent: loss))
        world.startAll()
        world.run(for: .seconds(20) + .milliseconds(seed * 37 % 5_000))
        let victim = seed % servers
        world.kill(victim)
        let start = world.now
        let isKnown = world.run(atMost: .seconds(120)) { world in
            world.nodes.indices.allSatisfy {
                $0 == victim || world.status(of: victim, at: $0) == .failed
            }
        }
        times.append(isKnown ? world.now - start : .seconds(120))
    }
    times.sort()
    let percentiles = [50, 90, 99, 100].map { percent in
        "p\(percent) \(times[min(times.count - 1, times.count * percent / 100)])"
    }
    print("\(servers) servers, \(loss) % loss, \(seeds) kills: \(percentiles)")
}

/// An hour of each seed; 1 if a server that ran was taken for failed.
func hours(servers: Int, hours: Int, loss: Int, first: Int) -> Int32 {
    var failures = 0
    var suspicions: UInt64 = 0
    var steps = 0
    for seed in first..<first + hours {
        var world = World(seed: UInt64(seed), servers: servers, faults: .init(lossPercent: loss))
        world.keepsObservations = false
        world.startAll()
        world.run(for: .seconds(3_600))
        suspicions += world.suspicions
        steps += world.steps
        if world.falseFailures > 0 {
            print("seed \(seed): \(world.falseFailures) false failures")
        }
        failures += world.falseFailures
    }
    print(
        "\(servers) servers, \(loss) % loss, \(hours) hours: \(failures) false failures,"
            + " \(suspicions) suspicions, \(steps) steps")
    return failures == 0 ? 0 : 1
}

switch words.dropFirst().first {
case "detect":
    detect(servers: number(2, 3), seeds: number(3, 1_000), loss: number(4, 0))
case "hours":
    exit(
        hours(
            servers: number(2, 5), hours: number(3, 1_000), loss: number(4, 10),
            first: number(5, 1)))
default:
    print(
        "usage: pool detect [servers] [seeds] [loss] | pool hours [servers] [hours] [loss] [first]")
}
