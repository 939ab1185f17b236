// SPDX-License-Identifier: Apache-2.0

import MartletAPI

/// Reads a duration as Go writes it: `30s`, `1m30s`, `750ms`; nil for anything else.
func goDuration(_ text: String) -> Duration? {
    GoDuration(text)?.duration
}

/// Writes it in the same form.
func goText(_ duration: Duration) -> String {
    GoDuration(duration).description
}
