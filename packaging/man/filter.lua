-- For man pages: names of other pages of docs/ become names of manuals, or of files that are installed. Comments go.

local pages = {}
for line in io.lines("packaging/man/pages") do
  local name, section, source = line:match("^(%S+)%s+(%d)%s+(%S+)")
  if name and not name:match("^#") then
    pages[source] = { name = name, section = section }
  end
end

-- The name of a manual as inline text, or nil.
local function manual(file)
  local page = pages[file]
  if page then
    return { pandoc.Strong(page.name), pandoc.Str("(" .. page.section .. ")") }
  end
end

function Emph(emph)
  return manual(pandoc.utils.stringify(emph))
end

function Code(code)
  return manual((code.text:gsub("^docs/", "")))
end

function Link(link)
  local file = link.target:gsub("#.*$", "")
  if link.target:match("^https?:") then
    return nil
  end
  if file == "" then
    return link.content
  end
  local name = file:gsub("^.*/", "")
  local found = manual(name)
  if found then
    local text = pandoc.utils.stringify(link.content)
    if text:match("%.md$") then
      return found
    end
    local all = pandoc.List(link.content)
    all:extend({ pandoc.Str(","), pandoc.Space(), pandoc.Str("see"), pandoc.Space() })
    all:extend(found)
    return all
  end
  return link.content
end

function RawBlock()
  return {}
end

function RawInline()
  return {}
end

-- A table doesn't fit on a terminal. Each row becomes a definition: the first cell is the term, and each further cell is
-- a paragraph, which begins with the head of its column if there are several.
local function blocks(cell)
  return pandoc.List(cell.contents)
end

function Table(t)
  local heads = {}
  for _, row in ipairs(t.head.rows) do
    for i, cell in ipairs(row.cells) do
      heads[i] = pandoc.utils.stringify(pandoc.Div(cell.contents))
    end
  end
  local items = {}
  for _, body in ipairs(t.bodies) do
    for _, row in ipairs(body.body) do
      local term = pandoc.utils.blocks_to_inlines(row.cells[1].contents)
      local definition = pandoc.List()
      for i = 2, #row.cells do
        local text = pandoc.utils.blocks_to_inlines(blocks(row.cells[i]))
        if #text > 0 then
          if #row.cells > 2 and heads[i] and heads[i] ~= "" then
            text = pandoc.List({ pandoc.Emph(heads[i]), pandoc.Str(":"), pandoc.Space() }) .. text
          end
          definition:insert(pandoc.Para(text))
        end
      end
      table.insert(items, { term, { definition } })
    end
  end
  return pandoc.DefinitionList(items)
end
