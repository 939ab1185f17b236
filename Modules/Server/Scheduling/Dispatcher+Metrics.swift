// SPDX-License-Identifier: Apache-2.0
import MartletScheduler

extension Dispatcher {
    /// All 0 where another server leads.
    var gauges: [(String, Double)] {
        let counts = broker.counts
        return [
            ("nomad.nomad.blocked_evals.total_blocked", Double(blocked.count)),
            ("nomad.nomad.broker.total_pending", Double(counts.waiting)),
            ("nomad.nomad.broker.total_ready", Double(counts.ready)),
            ("nomad.nomad.broker.total_unacked", Double(counts.delivered)),
            ("nomad.nomad.broker.total_waiting", Double(counts.delayed)),
            ("nomad.nomad.heartbeat.active", Double(heartbeats.count)),
            ("nomad.nomad.plan.queue_depth", Double(plans.count + flights.count)),
        ]
    }
}

extension DispatchCounters {
    var byName: [(String, UInt64)] {
        [
            ("nomad.nomad.broker.acknowledged", acknowledged),
            ("nomad.nomad.broker.deliveries", deliveries),
            ("nomad.nomad.broker.rejected", rejected),
            ("nomad.nomad.heartbeat.missed", heartbeatsMissed),
            ("nomad.nomad.plan.nodes_rejected", nodesRejected),
            ("nomad.nomad.plan.placements", placements),
            ("nomad.nomad.plan.submitted", plans),
            ("nomad.nomad.worker.commands_refused", commandsRefused),
            ("nomad.nomad.worker.look_answers_refused", lookAnswersRefused),
            ("nomad.nomad.worker.looks", looks),
            ("nomad.nomad.worker.looks_given", looksGiven),
            ("nomad.nomad.worker.looks_taken_back", looksTakenBack),
        ]
    }
}
