// Command lua runs a health script of Argo CD on objects: one JSON object a line in, one line with its health out.
// As in Argo CD the object is the global `obj`, and only the base, table, string and math libraries are open.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "lua:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	script, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var object any
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			return err
		}
		health, err := judge(string(script), object)
		if err != nil {
			return err
		}
		fmt.Println(health)
	}
	return lines.Err()
}

func judge(script string, object any) (string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName:   lua.OpenBase,
		lua.TabLibName:    lua.OpenTable,
		lua.StringLibName: lua.OpenString,
		lua.MathLibName:   lua.OpenMath,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return "", err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", fmt.Errorf("the script returns no table")
	}
	return fmt.Sprintf("%s\t%s", table.RawGetString("status"), table.RawGetString("message")), nil
}

func value(state *lua.LState, data any) lua.LValue {
	switch data := data.(type) {
	case bool:
		return lua.LBool(data)
	case float64:
		return lua.LNumber(data)
	case string:
		return lua.LString(data)
	case []any:
		table := state.NewTable()
		for _, item := range data {
			table.Append(value(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for name, item := range data {
			table.RawSetString(name, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
