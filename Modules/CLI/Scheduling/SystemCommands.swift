// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// `system …`.
enum SystemCommands {
    static let all = [
        Command("system gc", "forgets at once what has ended") {
            (invocation) throws(CLIFailure) in
            _ = try invocation.success(
                .put, "/v1/system/gc", timeout: Invocation.longTimeout,
                failing: "Error running system garbage-collection")
            return .fine
        },
        Command("system reconcile summaries", "counts the allocations of all jobs again") {
            (invocation) throws(CLIFailure) in
            _ = try invocation.success(
                .put, "/v1/system/reconcile/summaries",
                failing: "Error running system summary reconciliation")
            return .fine
        },
    ]
}
