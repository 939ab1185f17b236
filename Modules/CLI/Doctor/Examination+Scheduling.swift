// SPDX-License-Identifier: Apache-2.0

// What somebody has switched off, and may have forgotten.

extension Examination {
    func scheduling() -> [Finding] {
        // The leader knows; without one, whoever has come furthest is as good as any.
        guard let teller = picture.leader ?? picture.telling.first else { return [] }
        var findings: [Finding] = []
        if teller.isSet("nomad.nomad.state.broker_paused") {
            findings.append(
                .warning(
                    "scheduling",
                    "the evaluation broker is paused: nothing is placed, moved or replaced",
                    fix: "martlet operator scheduler set-config -pause-eval-broker=false"))
        }
        if teller.isSet("nomad.nomad.state.registration_rejected") {
            findings.append(
                .warning(
                    "scheduling", "jobs are refused, but from management tokens",
                    fix: "martlet operator scheduler set-config -reject-job-registration=false"))
        }
        return findings
    }
}
