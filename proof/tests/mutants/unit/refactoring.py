"""What a refactoring does to a file, all at once and everywhere: other names, other methods, another order, another
layout."""

import ast

_OTHER = "other_"


def refactored(source: str) -> str:
    """The source with every variable and parameter renamed, with the statements of every function moved to a new one
    that it calls, with functions in the opposite order, and laid out anew. It is to be read, not to be run."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            _rename_variables(node)
    return ast.unparse(_Extraction().visit(tree))


def laid_out(source: str) -> str:
    """The source in the layout of a refactored one."""
    return ast.unparse(ast.parse(source))


def _rename_variables(function: ast.FunctionDef) -> None:
    """Rename the function's own, and those of the functions and comprehensions within it. Those that a mutant brings
    along have other names already."""
    inside = list(ast.walk(function))
    names = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in inside if isinstance(node, ast.arg)} - {"self", "cls"}
    names |= {node.name for node in inside if isinstance(node, ast.ExceptHandler) and node.name}
    names = {name for name in names if not name.startswith(_OTHER)}
    for node in inside:
        match node:
            case ast.Name(id=name) if name in names:
                node.id = _OTHER + name
            case ast.arg(arg=name) if name in names:
                node.arg = _OTHER + name
            case ast.ExceptHandler(name=str(name)) if name in names:
                node.name = _OTHER + name


class _Extraction(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef):
            functions = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            node.body = [each for each in node.body if each not in functions]
            for function in reversed(functions):
                node.body += [_calling(function), _extracted(function)]
        return node


def _calling(function: ast.FunctionDef) -> ast.FunctionDef:
    call = ast.parse(f"return extracted_{function.name}()").body
    return ast.FunctionDef(f"renamed_{function.name}", function.args, call, function.decorator_list, lineno=0)


def _extracted(function: ast.FunctionDef) -> ast.FunctionDef:
    return ast.FunctionDef(f"extracted_{function.name}", function.args, function.body, [], lineno=0)
