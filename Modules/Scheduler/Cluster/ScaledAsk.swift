// SPDX-License-Identifier: Apache-2.0

/// Of processor and memory the one that the cluster is shorter of.
enum Scarcity {
    case none, cpu, memory
}

/// An ask with its factors 10^(−ask/capacity), remembered for the capacity seen last.
///
/// Where bin-packing knows what is scarce, a node counts for less if the ask would leave some of that
/// stranded: free, but without as large a share of the other free beside it. The stranded part s of
/// what is free, from 0 to 1, is a term of the node's score: where there is any, the mean of fit and −s
/// stands in the place of the fit. What no ask can use is worse than a node that is less full.
struct ScaledAsk {
    let cpu: Int32
    let memory: Int32
    let disk: Int32
    let scarcity: Scarcity
    private var capacityCPU: Int32 = -1
    private var capacityMemory: Int32 = -1
    private var factorCPU = 1.0
    private var factorMemory = 1.0

    init(_ ask: Capacity, scarcity: Scarcity = .none) {
        cpu = Int32(clamping: ask.cpu)
        memory = Int32(clamping: ask.memory)
        disk = Int32(clamping: ask.disk)
        self.scarcity = scarcity
    }

    /// Of a node with the ask on it, or at least that of all nodes below a parent.
    @inline(__always)
    mutating func plainFit(of bound: FitIndex.Bound) -> Double {
        if bound.capacityCPU != capacityCPU {
            capacityCPU = bound.capacityCPU
            factorCPU = Self.factor(cpu, capacityCPU)
        }
        if bound.capacityMemory != capacityMemory {
            capacityMemory = bound.capacityMemory
            factorMemory = Self.factor(memory, capacityMemory)
        }
        return bound.powerCPU * factorCPU + bound.powerMemory * factorMemory
    }

    private static func factor(_ ask: Int32, _ capacity: Int32) -> Double {
        capacity > 0 ? Exponentials.pow10(-Double(ask) / Double(capacity)) : 1
    }

    // MARK: What is stranded

    /// The fit of a node, less for what is stranded there.
    mutating func fit(of node: FitIndex.Bound) -> Double {
        fit(of: node, plain: plainFit(of: node))
    }

    @inline(__always)
    func fit(of node: FitIndex.Bound, plain: Double) -> Double {
        guard scarcity != .none else { return plain }
        let stranded = stranded(on: node)
        return stranded > 0 ? Self.mean(plain, stranded) : plain
    }

    /// No node below the parent is better.
    @inline(__always)
    func highestFit(below parent: FitIndex.Bound, plain: Double) -> Double {
        switch scarcity {
        case .none: plain
        case .cpu:
            parent.memoryLead + Self.share(cpu, parent.capacityCPU) < 0
                ? Self.mean(plain, 0) : plain
        case .memory:
            parent.cpuLead + Self.share(memory, parent.capacityMemory) < 0
                ? Self.mean(plain, 0) : plain
        }
    }

    /// The part of the scarce amount that would be free for nothing.
    func stranded(on node: FitIndex.Bound) -> Double {
        guard scarcity != .none, node.capacityCPU > 0, node.capacityMemory > 0 else { return 0 }
        let freeCPU = Double(node.cpu &- cpu) / Double(node.capacityCPU)
        let freeMemory = Double(node.memory &- memory) / Double(node.capacityMemory)
        let (scarce, other) =
            scarcity == .cpu ? (freeCPU, freeMemory) : (freeMemory, freeCPU)
        guard scarce > 0, scarce > other else { return 0 }
        return min(1, (scarce - other) / scarce)
    }

    /// Of the fit's score and −`stranded`, as a fit: its score is 20 + fit, of 18.
    private static func mean(_ fit: Double, _ stranded: Double) -> Double {
        (20 + fit - FitScore.max * stranded) / 2 - 20
    }

    /// Rounded up, since the share that it is compared with may be rounded down.
    private static func share(_ ask: Int32, _ capacity: Int32) -> Float {
        (capacity > 0 ? Float(ask) / Float(capacity) : 0) + 1e-5
    }
}
