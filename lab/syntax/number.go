package syntax

import (
	"fmt"
	"strconv"
	"strings"

	"labrun/lab/wording"
)

// Decimal reads a number between low and high, or says what is wrong. Only decimal ones count:
// 010 is 8 to C and to YAML 1.1, and 10 to most who read it.
func Decimal(text string, low, high int64) (int64, string) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
		return 0, wording.Quote(text) + " is not a decimal number" + inDecimal(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, number(text) + " is not between " + strconv.FormatInt(low, 10) + " and " + strconv.FormatInt(high, 10)
	}
	return n, ""
}

// inDecimal ends a complaint about what is not a decimal number.
func inDecimal(text string) string {
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
		return fmt.Sprintf(", write %d", n)
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
