// SPDX-License-Identifier: Apache-2.0

import MartletAPI

/// Reads a duration as Go writes it: `30s`, `1m30s`, `750ms`; nil for anything else.
func goDuration(_ text: String) -> Duration? {
    // Go has no empty duration; the API's reader takes one for zero, as Nomad's answers show.
    guard !text.isEmpty else { return nil }
    do {
        return try GoDuration(parsing: text).duration
    } catch {
        return nil  // The caller names the key, the place, and what would be right.
    }
}

/// Writes it in the same form.
func goText(_ duration: Duration) -> String {
    GoDuration(duration).description
}
