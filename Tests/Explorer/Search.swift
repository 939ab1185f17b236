// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// Breadth first over all that can happen within a scope: each state once, the nearest first, so that
/// a violation comes with a shortest way to it.
///
/// ```
///   frontier ──▶ each choice at each server ──▶ seen before? ──no──▶ checks ──▶ next frontier
///                                                    └─yes─▶ nothing
/// ```
///
/// Kept for every state: 16 bytes of fingerprint and 8 of the way to it. States themselves are kept
/// only while they wait in a frontier.
package final class Search {
    package struct Report: Sendable {
        package var states = 0
        package var transitions = 0
        /// Every state that this many steps can reach was looked at.
        package var depth = 0
        /// Nothing is left: this was the whole scope.
        package var isExhausted = false
        package var violation: String?
        /// The steps to the violation, readable.
        package var path: [String] = []
        /// How many states one server has, how many messages were ever sent, and how often a core ran.
        package var serverStates = 0
        package var messages = 0
        package var coreSteps = 0
    }

    /// The packed states of one depth, one after another.
    private struct Frontier {
        var words: [UInt16] = []
        var lengths: [UInt16] = []
        var numbers: [UInt32] = []
    }

    /// How a state was first reached.
    private struct Origin {
        var parent: UInt32
        /// The server in the two highest bits, then the choice.
        var step: UInt32

        var server: Int { Int(step >> 30) }
        var choice: Choice { Choice(code: step & 0x3FFF_FFFF) }
    }

    let scope: Scope
    let catalog: Catalog
    private var histories = Histories()
    private var table = FingerprintTable()
    private var origins: [Origin] = []
    private var next = Frontier()
    private var scratch: [UInt16] = []
    private var report = Report()
    private let start: World
    /// The state and the choice under way, for whoever has to say where a core trapped.
    private var current = (state: UInt32(0), step: UInt32(0))

    package init(_ scope: Scope, fault: Fault? = nil) {
        self.scope = scope
        let catalog = Catalog(scope: scope, fault: fault)
        self.catalog = catalog
        let nodes = (0..<Scope.servers).map { catalog.number(of: LocalServer($0, in: scope)) }
        var world = World(nodes: [nodes[0], nodes[1], nodes[2]])
        world.begin(scope, in: catalog, &histories)
        start = world
    }

    /// Looks at every state, or at the first `statesMax`, or at those within `depthMax` steps.
    /// `progress` is called after each depth.
    package func run(
        statesMax: Int, depthMax: Int = .max, progress: (Report) -> Void = { _ in }
    ) -> Report {
        scratch.removeAll()
        start.pack(adding: [], into: &scratch)
        remember(Origin(parent: 0, step: 0), of: start)
        while !next.lengths.isEmpty, report.violation == nil, report.depth < depthMax {
            let frontier = next
            next = Frontier()
            guard expand(frontier, statesMax: statesMax) else { break }
            report.depth += 1
            progress(tally())
        }
        report.isExhausted = next.lengths.isEmpty && report.violation == nil
        return tally()
    }

    private func tally() -> Report {
        report.states = table.count
        report.serverStates = catalog.servers.count
        report.messages = catalog.envelopes.count
        report.coreSteps = catalog.stepsRun
        return report
    }

    /// False if it ended early.
    private func expand(_ frontier: Frontier, statesMax: Int) -> Bool {
        var position = 0
        for (length, number) in zip(frontier.lengths, frontier.numbers) {
            let world = World(packed: frontier.words, at: position, length: Int(length))
            position += Int(length)
            current.state = number
            for server in 0..<Scope.servers {
                forEachChoice(at: server, in: world, of: catalog) { choice in
                    if report.violation == nil { take(choice, at: server, from: world) }
                }
            }
            if report.violation != nil || table.count >= statesMax { return false }
        }
        return true
    }

    private func take(_ choice: Choice, at server: Int, from world: World) {
        current.step = UInt32(server) << 30 | choice.code
        var successor = Successor(from: world, in: catalog)
        guard successor.take(choice, at: server, &histories) else { return }
        report.transitions += 1
        let origin = Origin(parent: current.state, step: current.step)
        if let violation = successor.violation {
            fail(violation, by: origin)
            return
        }
        scratch.removeAll(keepingCapacity: true)
        successor.world.pack(adding: successor.added, into: &scratch)
        remember(origin, of: successor.world)
    }

    /// Keeps the state in `scratch` if it is new, and looks at it.
    private func remember(_ origin: Origin, of world: World) {
        guard table.insert(Fingerprint(of: scratch)) else { return }
        next.numbers.append(UInt32(origins.count))
        next.lengths.append(UInt16(scratch.count))
        next.words += scratch
        origins.append(origin)
        if let violation = world.violation(in: catalog, histories) {
            fail(violation, by: origin)
        }
    }

    private func fail(_ violation: String, by origin: Origin) {
        report.violation = violation
        report.path = path(to: origin)
    }

    // MARK: - The way to a state

    /// The steps to what is being looked at: for a core that trapped.
    package var currentPath: [String] {
        path(to: Origin(parent: current.state, step: current.step))
    }

    private func path(to last: Origin) -> [String] {
        var steps = [last]
        while steps[steps.count - 1].parent != 0 {
            steps.append(origins[Int(steps[steps.count - 1].parent)])
        }
        var world = start
        var lines: [String] = []
        for step in steps.reversed() {
            lines.append(
                "\(lines.count / 2 + 1). \(catalog.text(of: step.choice, at: step.server))")
            world.take(step.choice, at: step.server, in: catalog, &histories)
            lines.append("     " + catalog.text(of: world.nodes[step.server]))
        }
        return lines
    }
}
