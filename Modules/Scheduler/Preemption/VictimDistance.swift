// SPDX-License-Identifier: Apache-2.0

/// How far what an allocation frees is from what is needed: the smaller, the better it fits.
package enum VictimDistance {
    /// √Σ((ask − freed)/ask)² over the dimensions that are asked for.
    package static func distance(
        ask: (cpu: Int, memory: Int, disk: Int), freed: (cpu: Int, memory: Int, disk: Int)
    ) -> Double {
        let parts = [
            part(ask.memory, freed.memory), part(ask.cpu, freed.cpu), part(ask.disk, freed.disk),
        ]
        return (parts[0] * parts[0] + parts[1] * parts[1] + parts[2] * parts[2]).squareRoot()
    }

    private static func part(_ ask: Int, _ freed: Int) -> Double {
        ask > 0 ? Double(ask - freed) / Double(ask) : 0
    }

    /// What is added for a victim whose group has `moving` others on the move and allows `limit`; 0 for
    /// no limit.
    package static func penalty(moving: Int, limit: Int) -> Double {
        limit > 0 && moving >= limit ? Double(50 * (moving + 1 - limit)) : 0
    }
}
