use std::sync::Arc; use std::time::Instant;
use arrow_array::*; use arrow_schema::*; use headrace_plan::{*, DataType as D, Field as _F, BinaryOp::*};
fn col(n:&str)->Expr{Expr::Column{name:n.into()}} fn i(v:i32)->Expr{Expr::Literal{literal:Literal::I32{value:v}}}
fn b(op:BinaryOp,l:Expr,r:Expr)->Expr{Expr::Binary{op,left:Box::new(l),right:Box::new(r)}}
fn t(v:&str)->Expr{Expr::Literal{literal:Literal::Utf8{value:v.into()}}}
fn c(f:Function,a:Vec<Expr>)->Expr{Expr::Call{function:f,args:a}}
#[test] fn scratch(){
 let n=8192; let x:Int64Array=(0..n).map(|k|Some(k as i64%97)).collect(); let f:Float64Array=(0..n).map(|k|Some(k as f64/3.0)).collect();
 let s:StringArray=(0..n).map(|k|Some(["ABQ","JFK","LAX","SFO"][k%4])).collect(); let ts:TimestampMicrosecondArray=(0..n).map(|k|Some(k as i64*1_000_003)).collect();
 let schema=Schema::new(vec![Field::new("x",arrow_schema::DataType::Int64,true),Field::new("f",arrow_schema::DataType::Float64,true),Field::new("s",arrow_schema::DataType::Utf8,true),Field::new("t",ts.data_type().clone(),true)]);
 let batch=RecordBatch::try_new(Arc::new(schema.clone()),vec![Arc::new(x),Arc::new(f),Arc::new(s),Arc::new(ts)]).unwrap();
 let span=|v:i64|Expr::Literal{literal:Literal::Duration{value:v.to_string()}};
 for (name,e) in [("x*2+1",b(Plus,b(Times,col("x"),i(2)),i(1))),("f>100.5",b(Gt,col("f"),Expr::Literal{literal:Literal::F64{value:"100.5".into()}})),("x>30 and s='ABQ'",b(And,b(Gt,col("x"),i(30)),b(Eq,col("s"),t("ABQ")))),
  ("x/10",b(Divide,col("x"),i(10))),("x%10",b(Modulo,col("x"),i(10))),("t+1h",b(Plus,col("t"),span(3600000000))),("trunc(t,1h)",c(Function::TruncateTo,vec![col("t"),span(3600000000)])),("year(t)",c(Function::Year,vec![col("t")])),
  ("lower(s)",c(Function::Lower,vec![col("s")])),("like",c(Function::Like,vec![col("s"),t("%F%")])),("substring",c(Function::Substring,vec![col("s"),i(2),i(1)])),("concat",c(Function::Concat,vec![col("s"),t("-"),col("s")])),
  ("case x>30 then x else 0",Expr::Case{branches:vec![WhenThen{when:b(Gt,col("x"),i(30)),then:col("x")}],otherwise:Some(Box::new(i(0)))}),
  ("case x<>0 then 10/x",Expr::Case{branches:vec![WhenThen{when:b(Ne,col("x"),i(0)),then:b(Divide,i(10),col("x"))}],otherwise:None}),
  ("f to i64",Expr::Cast{arg:Box::new(col("f")),to:D::I64,safe:false}),("f to text",Expr::Cast{arg:Box::new(col("f")),to:D::Utf8,safe:false}),("t to text",Expr::Cast{arg:Box::new(col("t")),to:D::Utf8,safe:false})] {
  let k=headrace_expr::compile(&e,&schema).unwrap(); for _ in 0..20{k.evaluate(&batch).unwrap();}
  let now=Instant::now(); let reps=300; for _ in 0..reps{std::hint::black_box(k.evaluate(&batch).unwrap());} println!("{name:28} {:.2} ns/row",now.elapsed().as_nanos() as f64/(reps*n) as f64);
 }}
