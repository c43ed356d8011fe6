package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"labrun/lab/wording"
)

// Decimal reads a number between low and high, or says what is wrong. Only decimal ones count:
// 010 is 8 to C and to YAML 1.1, and 10 to most who read it.
func Decimal(text string, low, high int64) (int64, string) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
		return 0, wording.Quote(text) + " is not a whole number" + inRange(low, high) + inDecimal(text, low, high)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, number(text) + " is not between " + strconv.FormatInt(low, 10) + " and " + strconv.FormatInt(high, 10)
	}
	return n, ""
}

// inRange names the range of a number, unless that is all of an int of C's.
func inRange(low, high int64) string {
	if low == math.MinInt32 && high == math.MaxInt32 {
		return ""
	}
	return fmt.Sprintf(" from %d to %d", low, high)
}

// inDecimal ends a complaint about what is not a whole number in decimal digits.
func inDecimal(text string, low, high int64) string {
	switch {
	case text == "true", text == "on", text == "yes":
		return ", write 1"
	case text == "false", text == "off", text == "no":
		return ", write 0"
	case strings.HasPrefix(text, "MSG_"):
		return ": flags stand behind the room, such as 100, " + text
	case len(text) > 1 && text[0] == '0' && strings.Trim(text, "0123456789") == "":
		return ", a number does not begin with 0"
	}
	if n, err := strconv.ParseUint(text, 0, 32); err == nil && strings.HasPrefix(text, "0") {
		return fmt.Sprintf(" in decimal digits, write %d", n)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == math.Trunc(n) && float64(low) <= n && n <= float64(high) {
		return fmt.Sprintf(", write %.0f", n) // 1e3 and 10.0, which are floats to YAML, and +5
	}
	if inner := strings.Trim(text, `"[]`); inner != text && inner != "" && strings.Trim(inner, "0123456789") == "" {
		return ", write " + wording.Clip(inner)
	}
	return ""
}

// number shows a number as it is, without quotes, unless it is long.
func number(text string) string {
	if len(text) > 32 {
		return wording.Quote(text)
	}
	return text
}
