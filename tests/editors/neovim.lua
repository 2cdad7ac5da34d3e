-- Opens a file in Neovim with `headlint lsp`, and writes down what a user would see there: what is said about it at
-- first and in the end, what hover shows, and the file with the offered fix applied.
local python, file, answer = vim.env.SERVER_PYTHON, vim.env.FILE, vim.env.ANSWER
local root = vim.fn.fnamemodify(file, ":h")

local said = {}
local function all(bufnr)
  local lines = {}
  for _, item in ipairs(vim.diagnostic.get(bufnr)) do
    table.insert(lines, { line = item.lnum, column = item.col, message = item.message, source = item.source })
  end
  return lines
end

vim.cmd("edit " .. vim.fn.fnameescape(file))
local bufnr = vim.api.nvim_get_current_buf()
vim.api.nvim_create_autocmd("DiagnosticChanged", {
  callback = function()
    table.insert(said, all(bufnr))
  end,
})
local id = vim.lsp.start_client({
  name = "headlint",
  cmd = { python, "-m", "headlint", "lsp" },
  root_dir = root,
})
vim.lsp.buf_attach_client(bufnr, id)

local function waited(seconds, condition)
  return vim.wait(seconds * 1000, condition, 20)
end
local function confirmed()
  local items = all(bufnr)
  return #items > 0 and items[1].message:find("%[confirmed: ") ~= nil
end

local result = { confirmed = waited(100, confirmed), said = said }
local place = vim.lsp.util.make_position_params
vim.api.nvim_win_set_cursor(0, { tonumber(vim.env.LINE), 2 })
local hover = vim.lsp.buf_request_sync(bufnr, "textDocument/hover", place(), 20000)
result.hover = hover and hover[id] and hover[id].result and hover[id].result.contents.value

local range = vim.lsp.util.make_range_params()
range.context = { diagnostics = vim.lsp.diagnostic.get_line_diagnostics(bufnr) }
local offered = vim.lsp.buf_request_sync(bufnr, "textDocument/codeAction", range, 20000)
result.actions = {}
for _, action in ipairs(offered and offered[id] and offered[id].result or {}) do
  table.insert(result.actions, action.title)
  if action.isPreferred then
    vim.lsp.util.apply_workspace_edit(action.edit, vim.lsp.get_client_by_id(id).offset_encoding)
  end
end
result.text = table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), "\n") .. "\n"
result.clean = waited(20, function()
  return #vim.diagnostic.get(bufnr) == 0
end)
vim.fn.writefile({ vim.fn.json_encode(result) }, answer)
vim.lsp.stop_client(id)
waited(5, function()
  return vim.lsp.client_is_stopped(id)
end)
vim.cmd("qall!")
